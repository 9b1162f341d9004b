//! Helpers of tests.

/// Returns a function that returns repeatable numbers below a limit.
pub fn numbers(mut state: u64) -> impl FnMut(usize) -> usize {
    move |limit| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % limit
    }
}
