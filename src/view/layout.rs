//! Where nodes stand on a page: layers by longest path, neighbours near one another (Sugiyama, Tagawa and Toda 1981).
//!
//! Every node is one layer below its lowest parent. Within a layer nodes are ordered by the mean place of their neighbours, sweeping down and up a few times; a node's place is then the mean of its
//! parents' places as far as its neighbours let it. Cost: linear in edges, a fixed number of sweeps; no recursion.

/// Sweeps over the layers; more change little.
const SWEEPS: usize = 8;

/// The layer of every node, and its place within it in units of one node's width; nodes without a layer are not drawn.
pub(super) fn layout(parents: &[Vec<usize>], drawn: &[bool]) -> Vec<(usize, f64)> {
    let mut layer = vec![0usize; parents.len()];
    for id in 0..parents.len() {
        let above = parents[id].iter().filter(|&&p| drawn[p]).map(|&p| layer[p] + 1);
        layer[id] = above.max().unwrap_or(0);
    }
    // A source stands just above the first node that uses it.
    let mut children = vec![Vec::new(); parents.len()];
    for (id, parents) in parents.iter().enumerate().filter(|(id, _)| drawn[*id]) {
        for &parent in parents.iter().filter(|&&p| drawn[p]) {
            children[parent].push(id);
        }
    }
    for id in 0..parents.len() {
        if parents[id].is_empty() {
            layer[id] = children[id].iter().map(|&c| layer[c]).min().map_or(0, |first| first.saturating_sub(1));
        }
    }
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
    for id in (0..parents.len()).filter(|&id| drawn[id]) {
        layers[layer[id]].push(id);
    }
    let mut place = vec![0.0f64; parents.len()];
    let spread = |layer: &[usize], place: &mut [f64]| {
        for (at, &id) in layer.iter().enumerate() {
            place[id] = at as f64 - (layer.len() as f64 - 1.0) / 2.0;
        }
    };
    layers.iter().for_each(|layer| spread(layer, &mut place));
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let neighbours = if down { parents } else { &children };
        let order: Vec<usize> = if down { (0..layers.len()).collect() } else { (0..layers.len()).rev().collect() };
        for at in order {
            let mean = |id: usize| {
                let near: Vec<f64> = neighbours[id].iter().filter(|&&n| drawn[n]).map(|&n| place[n]).collect();
                if near.is_empty() { place[id] } else { near.iter().sum::<f64>() / near.len() as f64 }
            };
            let mut wanted: Vec<(f64, usize)> = layers[at].iter().map(|&id| (mean(id), id)).collect();
            wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            // Each as near to where it is drawn as its left neighbour lets it, then all moved back by their mean shift.
            let mut last = f64::NEG_INFINITY;
            let mut shift = 0.0;
            for &(mean, id) in &wanted {
                place[id] = mean.max(last + 1.0);
                last = place[id];
                shift += place[id] - mean;
            }
            let shift = shift / wanted.len().max(1) as f64;
            wanted.iter().for_each(|&(_, id)| place[id] -= shift);
            layers[at] = wanted.into_iter().map(|(_, id)| id).collect();
        }
    }
    layer.into_iter().zip(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_follow_parents_and_no_two_nodes_share_a_place() {
        // A diamond, a long edge, and two sources.
        let parents = vec![vec![], vec![0], vec![0], vec![1, 2], vec![], vec![3, 4], vec![0, 5]];
        let places = layout(&parents, &[true; 7]);
        for (id, parents) in parents.iter().enumerate() {
            assert!(parents.iter().all(|&p| places[p].0 < places[id].0), "{places:?}");
        }
        for (i, a) in places.iter().enumerate() {
            for b in &places[..i] {
                assert!(a.0 != b.0 || (a.1 - b.1).abs() > 0.999, "{places:?}");
            }
        }
        assert_eq!(places[4].0 + 1, places[5].0, "a source stands above its use");
    }
}
