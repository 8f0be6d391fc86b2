//! What the nodes are: which have fast code, which are images, which go together, and how wide the halos are.

use super::*;

impl Lowering<'_> {
    /// Whether it is a constant that a step may pack: where gradients are asked for, one that has a gradient.
    pub(super) fn is_weight(&self, id: usize) -> bool {
        matches!(self.at(id).op, Op::Const(_)) && (self.slopes[id] || !self.training)
    }

    /// The sizes of a convolution that has fast code.
    pub(super) fn convolution(&self, id: usize) -> Option<Convolution> {
        let node = self.at(id);
        let Op::Conv(conv) = &node.op else { return None };
        let (&x, &w) = (node.parents.first()?, node.parents.get(1)?);
        let (&[_, channels, h, wide], &[out, _, kh, kw]) = (self.dims(x), self.dims(w)) else { return None };
        let &[_, _, oh, ow] = self.dims(id) else { return None };
        let constants = node.parents[1..].iter().all(|&p| self.is_weight(p));
        constants.then_some(Convolution {
            input: self.images.get(&x).copied().unwrap_or(Image::new(channels, [h, wide])),
            output: Image::new(out, [oh, ow]),
            kernel: [kh, kw],
            stride: pair(&conv.stride)?,
            dilation: pair(&conv.dilation)?,
            pad: pair(&conv.pad_before)?,
            groups: conv.groups,
        })
    }

    pub(super) fn pool(&self, id: usize) -> Option<Pool> {
        let node = self.at(id);
        let x = *node.parents.first()?;
        let (&[_, channels, h, w], &[_, _, oh, ow]) = (self.dims(x), self.dims(id)) else { return None };
        let (kernel, stride, dilation, pad) = match &node.op {
            Op::MaxPool(p) => (&p.kernel, &p.stride, &p.dilation, &p.pad_before),
            Op::AvgPool(p) => (&p.kernel, &p.stride, &p.dilation, &p.pad_before),
            Op::GlobalAvgPool(_) => {
                let whole = Pool {
                    input: Image::new(channels, [h, w]),
                    output: Image::new(channels, [1, 1]),
                    kernel: [h, w],
                    stride: [1, 1],
                    dilation: [1, 1],
                    pad: [0, 0],
                };
                return Some(whole);
            }
            _ => return None,
        };
        Some(Pool {
            input: Image::new(channels, [h, w]),
            output: Image::new(channels, [oh, ow]),
            kernel: pair(kernel)?,
            stride: pair(stride)?,
            dilation: pair(dilation)?,
            pad: pair(pad)?,
        })
    }

    /// Whether it is a batch normalisation of images with fast code: of a batch, or by given statistics where no gradient is wanted.
    pub(super) fn normalises(&self, id: usize) -> bool {
        let node = self.at(id);
        let Op::BatchNorm(norm) = &node.op else { return false };
        let constant = node.parents[1..].iter().all(|&p| self.is_weight(p));
        let given = norm.statistics == Statistics::Given;
        constant && self.native.contains(&node.parents[0]) && !(given && self.training)
    }

    /// The matrix [k, n] by which a product multiplies, where it is a constant.
    pub(super) fn matrix(&self, id: usize) -> Option<[usize; 2]> {
        let node = self.at(id);
        let [x, w] = node.parents[..] else { return None };
        let constant = matches!(node.op, Op::Matmul(_)) && self.is_weight(w) && self.dims(x).len() > 1;
        pair(self.dims(w)).filter(|_| constant)
    }

    /// The vector that an addition after a product adds to every row: the addition, the broadcast in between, and the constant.
    pub(super) fn bias_after(&self, id: usize) -> Option<(usize, usize, usize)> {
        let bare = matches!(self.at(id).op, Op::Linear(_)) && self.at(id).parents.len() == 2 && self.is_affine(id);
        let columns = if bare { *self.dims(id).last()? } else { self.matrix(id)?[1] };
        let add = self.only_reader(id).filter(|&reader| matches!(self.at(reader).op, Op::Add(_)))?;
        let other = *self.at(add).parents.iter().find(|&&p| p != id)?;
        let from = *self.at(other).parents.first().filter(|_| matches!(self.at(other).op, Op::Broadcast(_)))?;
        let row = self.dims(from).last() == Some(&columns) && self.at(from).shape.elements() == columns;
        let fits = row && self.is_weight(from) && self.only_reader(other) == Some(add);
        fits.then_some((add, other, from))
    }

    /// The one value of a constant that has no other.
    pub(super) fn uniform(&self, id: usize) -> Option<f32> {
        let Home::Constant(index) = self.out.values[*self.plain.get(&id)?].source else { return None };
        let (&first, rest) = self.out.constants[index].split_first().filter(|_| !self.training)?;
        rest.iter().all(|value| value.to_bits() == first.to_bits()).then_some(first)
    }

    pub(super) fn function(&self, id: usize) -> Result<Option<Function>, EvalError> {
        Ok(Some(match &self.at(id).op {
            Op::Relu(_) => Function::Relu,
            Op::LeakyRelu(op) => Function::LeakyRelu { slope: self.number(&op.slope)? },
            Op::Elu(op) => Function::Elu { alpha: self.number(&op.alpha)? },
            Op::Neg(_) => Function::Neg,
            Op::Abs(_) => Function::Abs,
            Op::Scale(op) => Function::Scale { factor: self.number(&op.factor)? },
            Op::Clamp(op) => {
                let end = |end: &[Exact], none| end.first().map_or(Ok(none), |end| self.number(end));
                let (lo, hi) = (end(&op.lo, f32::NEG_INFINITY)?, end(&op.hi, f32::INFINITY)?);
                if lo >= hi {
                    return Ok(None); // a constant
                }
                Function::Clamp { lo, hi }
            }
            Op::Exp(_) => Function::Exp,
            Op::Sqrt(_) => Function::Sqrt,
            Op::Rsqrt(_) => Function::Rsqrt,
            Op::Reciprocal(_) => Function::Reciprocal,
            Op::Tanh(_) => Function::Tanh,
            Op::Sigmoid(_) => Function::Sigmoid,
            Op::Silu(_) => Function::Silu,
            Op::Erf(_) => Function::Erf,
            Op::Gelu(op) if op.form == Form::Erf => Function::GeluErf,
            Op::Gelu(_) => Function::GeluTanh,
            _ => return Ok(None),
        }))
    }

    pub(super) fn binary(&self, id: usize) -> Option<Binary> {
        match &self.at(id).op {
            Op::Add(_) => Some(Binary::Add),
            Op::Sub(_) => Some(Binary::Sub),
            Op::Mul(_) => Some(Binary::Mul),
            Op::Div(_) => Some(Binary::Div),
            _ => None,
        }
    }

    /// Which nodes are images, and which are fused.
    pub(super) fn layouts(&mut self) {
        for id in 0..self.graph.nodes().len() {
            let parents = self.at(id).parents.clone();
            let image = |this: &Self, id: usize| match *this.dims(id) {
                [_, c, h, w] => Some(Image::new(c, [h, w])),
                _ => None,
            };
            let is_image = parents.iter().any(|p| self.native.contains(p));
            let fast = self.convolution(id).is_some()
                || self.pool(id).is_some()
                || self.normalises(id)
                || is_image && matches!(self.function(id), Ok(Some(_)))
                || is_image && self.binary(id).is_some();
            let fused = self.ends.contains_key(&id);
            if let (true, Some(layout)) = (fast || fused && is_image, image(self, id)) {
                self.native.insert(id);
                self.images.insert(id, layout);
                for (at, &parent) in parents.iter().enumerate() {
                    let weight = at > 0 && self.binary(id).is_none();
                    if let Some(layout) = image(self, parent).filter(|_| !weight) {
                        self.images.entry(parent).or_insert(layout);
                    }
                }
            }
            if fused {
                continue;
            }
            let mut end = id;
            if self.convolution(id).is_some() {
                if let Some(norm) = self.only_reader(id).filter(|&norm| self.folds(norm)) {
                    end = norm;
                }
                end = self.relu_after(end).unwrap_or(end);
            } else if let Some((add, broadcast, _)) = self.bias_after(id) {
                end = add;
                self.taken.insert(broadcast);
            } else if matches!(&self.at(id).op, Op::BatchNorm(norm) if norm.statistics == Statistics::Batch)
                && self.normalises(id)
                || matches!(self.at(id).op, Op::Linear(_)) && self.is_affine(id)
                || matches!(self.at(id).op, Op::Add(_)) && is_image
            {
                end = self.relu_after(id).unwrap_or(id);
            }
            let mut part = id;
            while part != end {
                self.ends.insert(part, end);
                part = self.readers[part][0];
            }
            self.ends.insert(end, end);
            if end == id {
                self.ends.remove(&id);
            }
        }
    }

    /// Whether it is a batch normalisation that goes into the weights before it.
    pub(super) fn folds(&self, id: usize) -> bool {
        let node = self.at(id);
        let given = matches!(&node.op, Op::BatchNorm(norm) if norm.statistics == Statistics::Given);
        given && !self.training && node.parents[1..].iter().all(|&p| self.constant(p).is_some())
    }

    /// Whether it is an affine layer with constant weights.
    pub(super) fn is_affine(&self, id: usize) -> bool {
        self.at(id).parents[1..].iter().all(|&p| self.is_weight(p))
    }

    /// The node that holds the result of what begins at this node.
    pub(super) fn end(&self, id: usize) -> usize {
        self.ends.get(&id).copied().unwrap_or(id)
    }

    pub(super) fn halos(&mut self) {
        for id in 0..self.graph.nodes().len() {
            let Some(convolution) = self.convolution(id) else { continue };
            let x = self.at(id).parents[0];
            let (before, after) = convolution.halo();
            if let Some(image) = self.images.get_mut(&x) {
                image.widen(before, after);
            }
            if self.training && convolution.turns() {
                let plain = Convolution {
                    input: Image::new(convolution.input.channels, convolution.input.extent),
                    ..convolution
                };
                let (before, after) = plain.turned().halo();
                let end = self.end(id);
                if let Some(image) = self.images.get_mut(&end) {
                    image.widen(before, after);
                }
            }
        }
    }
}
