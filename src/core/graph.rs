//! Graphs whose nodes share their children.

use std::collections::HashSet;

/// Returns the root and everything reachable from it, each node once, parents before their
/// children. For a tree, this is the preorder.
pub fn parents_first<'n, N>(root: &'n N, children: impl Fn(&'n N) -> Vec<&'n N>) -> Vec<&'n N> {
    let mut order = Vec::new();
    visit(root, &children, &mut HashSet::new(), &mut order);
    order.reverse();
    order
}

/// Adds the nodes in postorder, last child first.
fn visit<'n, N>(
    node: &'n N,
    children: &impl Fn(&'n N) -> Vec<&'n N>,
    seen: &mut HashSet<*const N>,
    order: &mut Vec<&'n N>,
) {
    if !seen.insert(std::ptr::from_ref(node)) {
        return;
    }
    for child in children(node).into_iter().rev() {
        visit(child, children, seen, order);
    }
    order.push(node);
}

#[cfg(test)]
mod tests {
    use super::parents_first;

    #[test]
    fn a_shared_child_comes_once_and_after_all_its_parents() {
        let children: [&[usize]; 4] = [&[1, 2], &[3], &[3], &[]];
        let nodes = [0, 1, 2, 3];
        let order = parents_first(&nodes[0], |node| {
            children[*node].iter().map(|child| &nodes[*child]).collect()
        });
        assert_eq!(order, [&0, &1, &2, &3]);
    }
}
