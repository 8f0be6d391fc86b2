//! The steps of the nodes, kind by kind.

use super::*;

impl Lowering<'_> {
    pub(super) fn lower_convolution(&mut self, id: usize, mut convolution: Convolution) -> Result<(), EvalError> {
        let (node, end) = (self.at(id).clone(), self.end(id));
        let x = self.as_image(node.parents[0]);
        convolution.input = self.images[&node.parents[0]];
        convolution.output = self.images[&end];
        let norm = self
            .only_reader(id)
            .filter(|&norm| self.folds(norm) && self.ends.get(&id) == Some(&self.end(norm)) && end != id);
        let relu = matches!(self.at(end).op, Op::Relu(_)) && end != id;
        let cells = convolution.kernel[0] * convolution.kernel[1];
        let depthwise = convolution.is_depthwise();
        let out = convolution.output.channels;
        let biased = node.parents.len() > 2 || norm.is_some();
        let mut weights = Weights::default();
        if depthwise {
            weights.vectors.push(vec![0.0; cells * out]);
        }
        weights.vectors.extend(biased.then(|| vec![0.0; out]));
        let bias_at = usize::from(depthwise);
        let w = self.add_weights(weights);
        let packing = if depthwise { Packing::Depthwise(cells) } else { Packing::Convolution(convolution) };
        if let Some(norm) = norm {
            let (weight, bias) = self.folded(&node, norm)?;
            packing.pack(&weight, &mut self.out.weights[w]);
            Packing::Vector(bias_at).pack(&bias, &mut self.out.weights[w]);
        } else {
            self.pack(node.parents[1], w, packing);
            if let Some(&bias) = node.parents.get(2) {
                self.pack(bias, w, Packing::Vector(bias_at));
            }
        }
        let to = self.image_value(end);
        let action: Action = if depthwise {
            Action::Image(Box::new(Depthwise { convolution, relu }))
        } else {
            Action::Image(Box::new(Convolve::new(convolution, relu)))
        };
        self.add_step(action, vec![x], to, Some(w), end);
        Ok(())
    }

    /// Weight and bias of a convolution with the batch normalisation after it: w · g and (b − μ) · g + β with g = γ/√(σ² + ε).
    pub(super) fn folded(&self, conv: &Node, norm: usize) -> Result<(Vec<f32>, Vec<f32>), EvalError> {
        const MISSING: EvalError = EvalError::Internal { what: "a folded normalisation lacks a parameter" };
        let Op::BatchNorm(op) = &self.at(norm).op else { return Err(MISSING) };
        let epsilon = f64::from(self.number(&op.epsilon)?);
        let [_, gamma, beta, mean, var] = self.at(norm).parents[..] else { return Err(MISSING) };
        let of = |id: usize| self.constant(id).ok_or(MISSING);
        let (gamma, beta, mean, var) = (of(gamma)?, of(beta)?, of(mean)?, of(var)?);
        let gains: Vec<f64> =
            gamma.iter().zip(var).map(|(&g, &v)| f64::from(g) / (f64::from(v) + epsilon).sqrt()).collect();
        let weight = of(conv.parents[1])?;
        let each = weight.len() / gains.len();
        let scaled = weight
            .chunks_exact(each)
            .zip(&gains)
            .flat_map(|(row, &g)| row.iter().map(move |&w| (f64::from(w) * g) as f32));
        let old = conv.parents.get(2).map(|&bias| of(bias)).transpose()?;
        let bias = (0..gains.len()).map(|o| {
            let old = old.map_or(0.0, |old| f64::from(old[o]));
            ((old - f64::from(mean[o])) * gains[o] + f64::from(beta[o])) as f32
        });
        Ok((scaled.collect(), bias.collect()))
    }

    pub(super) fn lower_pool(&mut self, id: usize, mut pool: Pool) -> Result<(), EvalError> {
        let node = self.at(id).clone();
        let x = self.as_image(node.parents[0]);
        pool.input = self.images[&node.parents[0]];
        pool.output = self.images[&id];
        let kind = match &node.op {
            Op::MaxPool(_) => Kind::Max,
            Op::AvgPool(op) if op.count_include_pad || !op.divisor.is_empty() => {
                // The mean of ones is the number of cells seen, divided by the divisor.
                let shape = |[h, w]: [usize; 2]| Shape::new(vec![1, 1, h, w]).map_err(|_| WRONG_SIZE);
                let (from, to) = (shape(pool.input.extent)?, shape(pool.output.extent)?);
                let ones = Tensor::new(from.clone(), vec![1.0; from.elements()]).ok_or(WRONG_SIZE)?;
                let means = node.op.value(&self.context, &[&ones], &to)?;
                let counts = pool.counts();
                let whole = |divisor: f64| if op.divisor.is_empty() { divisor.round() } else { divisor };
                let divisors =
                    means.iter().zip(counts).map(|(&mean, seen)| whole(seen as f64 / f64::from(mean)) as f32);
                Kind::Mean(Some(divisors.collect()))
            }
            _ => Kind::Mean(None),
        };
        let to = self.image_value(id);
        self.add_step(Action::Image(Box::new(Pooling { pool, kind })), vec![x], to, None, id);
        Ok(())
    }

    pub(super) fn lower_norm(&mut self, id: usize, node: &Node) -> Result<(), EvalError> {
        let (end, Op::BatchNorm(norm)) = (self.end(id), &node.op) else { return Ok(()) };
        let epsilon = self.number(&norm.epsilon)?;
        let mut inputs = vec![self.as_image(node.parents[0])];
        let (input, output) = (self.images[&node.parents[0]], self.images[&end]);
        if norm.statistics == Statistics::Given {
            for &parent in &node.parents[1..] {
                inputs.push(self.as_plain(parent));
            }
            let to = self.image_value(id);
            self.add_step(Action::Batch(Box::new(GivenNorm { input, output, epsilon })), inputs, to, None, id);
            return Ok(());
        }
        let w = self.add_weights(Weights { panels: Vec::new(), vectors: vec![vec![0.0; input.channels]; 2] });
        for (index, &parent) in node.parents[1..].iter().enumerate() {
            self.pack(parent, w, Packing::Vector(index));
        }
        let (batch, slope) = (self.batch(id), self.slopes[id]);
        let measured = self.add_value(2 * input.channels, batch, slope);
        self.add_step(Action::Image(Box::new(Measure(input))), inputs.clone(), measured, None, id);
        let joined = self.add_value(2 * input.channels, batch, slope);
        self.add_step(Action::Batch(Box::new(Join { image: input, epsilon })), vec![measured], joined, None, id);
        let to = self.image_value(end);
        inputs.push(joined);
        self.add_step(Action::Image(Box::new(Apply { input, output, relu: end != id })), inputs, to, Some(w), end);
        Ok(())
    }

    /// What works on rows and has fast code.
    pub(super) fn rows(&self, node: &Node, shapes: &[Shape]) -> Result<Option<Action>, EvalError> {
        let dims = |k: usize| shapes.get(k).map_or(&[][..], Shape::dimensions);
        let width = dims(0).last().copied().unwrap_or(1);
        let last = |axis: usize| axis + 1 == dims(0).len();
        Ok(match &node.op {
            Op::Softmax(op) if last(op.axis) => Some(Action::Batch(Box::new(Softmax { width, logarithm: false }))),
            Op::LogSoftmax(op) if last(op.axis) => Some(Action::Batch(Box::new(Softmax { width, logarithm: true }))),
            Op::LayerNorm(op) if !self.training => {
                let width = dims(0)[op.axis..].iter().product();
                Some(Action::Batch(Box::new(LayerNorm { width, epsilon: self.number(&op.epsilon)? })))
            }
            Op::Matmul(_) => match (dims(0), dims(1)) {
                ([a @ .., m, k], [b @ .., _, n]) if a == b => {
                    Some(Action::Batch(Box::new(Products { count: a.iter().product(), sizes: [*m, *k, *n] })))
                }
                _ => None,
            },
            _ => None,
        })
    }

    pub(super) fn lower_affine(&mut self, id: usize) -> Result<(), EvalError> {
        let (node, end) = (self.at(id).clone(), self.end(id));
        let x = self.as_plain(node.parents[0]);
        let &[out, fan] = self.dims(node.parents[1]) else { return Err(WRONG_SIZE) };
        let rows = self.at(id).shape.elements() / out;
        let after = self.bias_after(id).filter(|&(add, _, _)| add == end).map(|(_, _, bias)| bias);
        let bias = node.parents.get(2).copied().or(after);
        let vectors = bias.map(|_| vec![0.0; out]).into_iter().collect();
        let w = self.add_weights(Weights { panels: vec![Panels::zeros(fan, out)], vectors });
        self.pack(node.parents[1], w, Packing::Linear(self.permuted.get(&x).copied()));
        if let Some(bias) = bias {
            self.pack(bias, w, Packing::Vector(0));
        }
        let relu = matches!(self.at(end).op, Op::Relu(_));
        let to = self.plain_value(end);
        self.add_step(Action::Batch(Box::new(Affine::new(rows, relu))), vec![x], to, Some(w), end);
        Ok(())
    }

    /// Whether a reshape of an image to rows may keep the order of the image.
    pub(super) fn keeps_order(&self, id: usize, parent: usize) -> Option<Image> {
        let image = *self.images.get(&parent)?;
        let rows =
            matches!(self.dims(id), &[batch, features] if batch == self.batch(parent) && features == image.elements());
        let readers = !self.readers[id].is_empty()
            && self.readers[id]
                .iter()
                .all(|&r| matches!(self.at(r).op, Op::Linear(_)) && self.is_affine(r) && self.at(r).parents[0] == id);
        let output = self.graph.outputs().values().any(|&output| output == id);
        (rows && readers && !output && image.size() == image.elements() && self.native.contains(&parent))
            .then_some(image)
    }

    pub(super) fn lower_other(&mut self, id: usize, node: &Node) -> Result<(), EvalError> {
        let parents = &node.parents;
        let known = |this: &Self, p: usize| {
            this.plain.get(&p).and_then(|&value| match this.out.values[value].source {
                Home::Constant(index) => Some(this.out.constants[index].clone()),
                _ => None,
            })
        };
        if !self.training && !parents.is_empty() {
            let data: Option<Vec<Vec<f32>>> = parents.iter().map(|&p| known(self, p)).collect();
            if let Some(data) = data {
                let tensors = parents.iter().zip(data).map(|(&p, data)| Tensor::new(self.at(p).shape.clone(), data));
                let tensors = tensors.collect::<Option<Vec<_>>>().ok_or(WRONG_SIZE)?;
                let values = node.op.value(&self.context, &tensors.iter().collect::<Vec<_>>(), &node.shape)?;
                self.constant_value(id, values);
                return Ok(());
            }
        }
        if matches!(node.op, Op::Reshape(_) | Op::Flatten(_)) {
            if let Some(image) = self.keeps_order(id, parents[0]) {
                let value = self.image[&parents[0]];
                self.plain.insert(id, value);
                self.permuted.insert(value, image);
                return Ok(());
            }
            let from = self.as_plain(parents[0]);
            if self.batch(id) == self.batch(parents[0]) {
                self.plain.insert(id, from);
            } else {
                let to = self.plain_value(id);
                self.add_step(Action::Batch(Box::new(Copy)), vec![from], to, None, id);
            }
            return Ok(());
        }
        let inputs: Vec<usize> = parents.iter().map(|&p| self.as_plain(p)).collect();
        let shapes: Vec<Shape> = parents.iter().map(|&p| self.at(p).shape.clone()).collect();
        let (moved, rows) = (self.moved(node, &shapes)?, self.rows(node, &shapes)?);
        let to = self.plain_value(id);
        let action: Action = match (moved, rows) {
            (Some(moved), _) => Action::Batch(Box::new(moved)),
            (None, Some(rows)) => rows,
            (None, None) => {
                let (op, shape) = (node.op.clone(), node.shape.clone());
                Action::Batch(Box::new(Specified { op, shapes, shape, context: self.context.clone() }))
            }
        };
        self.add_step(action, inputs, to, None, id);
        Ok(())
    }

    /// An operation that only moves values: the kernel's specification, asked where the words go.
    pub(super) fn moved(&self, node: &Node, shapes: &[Shape]) -> Result<Option<Moved>, EvalError> {
        match &node.op {
            Op::Pad(pad) if pad.value.iter().any(|value| !value.is_zero()) => return Ok(None),
            Op::Transpose(_)
            | Op::Permute(_)
            | Op::Concat(_)
            | Op::Slice(_)
            | Op::Pad(_)
            | Op::Gather(_)
            | Op::Broadcast(_) => {}
            _ => return Ok(None),
        }
        let (mut next, mut tensors, mut starts) = (1u32, Vec::new(), Vec::new());
        for shape in shapes {
            let Ok(count) = u32::try_from(shape.elements()) else { return Ok(None) };
            let Some(end) = next.checked_add(count) else { return Ok(None) };
            tensors.push(Tensor::new(shape.clone(), (next..end).collect()).ok_or(WRONG_SIZE)?);
            starts.push(next);
            next = end;
        }
        let words = Binary32::new(Environment::default(), self.context.schedule().clone());
        let places = node.op.value(&words, &tensors.iter().collect::<Vec<_>>(), &node.shape)?;
        Ok(Some(Moved::new(&places, &starts)))
    }
}
