//! What the steps of a stage see of one image, and how a batch is dealt out.

use super::*;

/// Images by number, each with the values that have a part of their own in it.
pub(super) type Images<'a> = Vec<(usize, Vec<(usize, &'a mut [f32])>)>;

/// For every image the parts of the values that are its own.
pub(super) fn by_image<'a>(
    values: &[Value],
    made: &[(usize, usize)],
    taken: &'a mut [Vec<f32>],
    batch: usize,
) -> Images<'a> {
    let mut rows: Images = (0..batch).map(|image| (image, Vec::new())).collect();
    for (&(id, _), buffer) in made.iter().zip(taken) {
        let parts = buffer.chunks_mut(values[id].each);
        rows.iter_mut().zip(parts).for_each(|((_, outs), part)| outs.push((id, part)));
    }
    rows
}

/// The items in lists of `size`.
pub(super) fn chunks<T>(items: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let (mut lists, mut items) = (Vec::new(), items.into_iter().peekable());
    while items.peek().is_some() {
        lists.push(items.by_ref().take(size.max(1)).collect());
    }
    lists
}

/// What the steps of a stage see of one image.
pub(super) struct Frame<'p, 'i, 'b> {
    pub(super) program: &'p Program,
    /// 0: values; 1: cotangents.
    pub(super) which: usize,
    pub(super) inputs: &'p [&'p [f32]],
    pub(super) image: usize,
    pub(super) outs: Vec<(usize, &'i mut [f32])>,
    pub(super) buffers: &'b mut Vec<Vec<f32>>,
}

/// A part of memory that one step writes.
pub(super) enum Taken<'i> {
    Slot(&'i mut [f32]),
    Buffer(Vec<f32>),
}

impl Taken<'_> {
    pub(super) fn slice(&mut self, size: usize) -> &mut [f32] {
        match self {
            Taken::Slot(part) => &mut part[..size],
            Taken::Buffer(buffer) => &mut buffer[..size],
        }
    }
}

impl<'i> Frame<'_, 'i, '_> {
    /// What is written there, from now on the caller's.
    pub(super) fn take_if(&mut self, id: usize) -> Option<Taken<'i>> {
        match self.program.homes[self.which][id] {
            Home::Buffer(buffer) => Some(Taken::Buffer(std::mem::take(&mut self.buffers[buffer]))),
            Home::Slot(_) => {
                let (_, part) = self.outs.iter_mut().find(|(out, _)| *out == id)?;
                Some(Taken::Slot(std::mem::take(part)))
            }
            _ => None,
        }
    }

    pub(super) fn take(&mut self, id: usize) -> Taken<'i> {
        self.take_if(id).unwrap_or(Taken::Buffer(Vec::new()))
    }

    /// Gives it back.
    pub(super) fn put(&mut self, id: usize, taken: Taken<'i>) {
        match (taken, self.program.homes[self.which][id]) {
            (Taken::Buffer(data), Home::Buffer(buffer)) => self.buffers[buffer] = data,
            (Taken::Slot(data), _) => {
                if let Some((_, part)) = self.outs.iter_mut().find(|(out, _)| *out == id) {
                    *part = data;
                }
            }
            _ => {}
        }
    }

    /// The value of this image, in a run forward.
    pub(super) fn read(&self, id: usize) -> &[f32] {
        let each = self.program.values[id].each;
        match self.program.homes[0][id] {
            Home::Buffer(buffer) => &self.buffers[buffer][..each],
            Home::Slot(_) => match self.outs.iter().find(|(out, _)| *out == id) {
                Some((_, part)) => part,
                None => self.value(id),
            },
            _ => self.value(id),
        }
    }

    /// The value of this image, which is kept.
    pub(super) fn value(&self, id: usize) -> &[f32] {
        let each = self.program.values[id].each;
        &self.program.value(id, self.inputs)[self.image * each..(self.image + 1) * each]
    }
}
