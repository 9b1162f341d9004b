//! Deterministic randomness: equal inputs give equal dice.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes a seed and numbers that identify an object into 64 bits (`SplitMix64`).
pub fn mix(seed: u64, parts: &[u64]) -> u64 {
    parts.iter().fold(scatter(seed), |state, part| {
        scatter(state ^ scatter(part.wrapping_add(GOLDEN)))
    })
}

fn scatter(value: u64) -> u64 {
    let value = value.wrapping_add(GOLDEN);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A stream of random numbers for one object.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Creates the dice for the object identified by `parts`.
    pub fn new(seed: u64, parts: &[u64]) -> Self {
        Self(mix(seed, parts))
    }

    /// Returns 64 random bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        scatter(self.0)
    }

    /// Returns a number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.roll()) * u128::from(end);
        u64::try_from(wide >> 64).expect("the upper half of a 64 by 64 bit product")
    }

    /// Returns a number from `low` to `high`, inclusive.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).unwrap_or(0) + 1;
        low + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// Returns true with this probability in percent.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Returns an element of a non-empty list.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let index = usize::try_from(self.below(list.len() as u64)).unwrap_or(0);
        &list[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_equal_dice() {
        assert_eq!(mix(1, &[2, 3]), mix(1, &[2, 3]));
        assert_ne!(mix(1, &[2, 3]), mix(1, &[3, 2]));
        assert_ne!(mix(1, &[2, 3]), mix(2, &[2, 3]));
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut dice = Dice::new(1, &[]);
        assert!((0..1000).all(|_| (3..=5).contains(&dice.between(3, 5))));
        assert_eq!(dice.below(0), 0);
        assert!(!dice.chance(0));
        assert!(dice.chance(100));
    }
}
