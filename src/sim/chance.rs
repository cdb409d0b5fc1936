//! Random numbers that are the same on every machine: SplitMix64 (Steele, Lea and Flood, 2014).

/// See the module.
#[derive(Clone, Debug)]
pub struct Chance(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    /// The stream of a part of what that seed stands for; neighbouring seeds and parts have nothing in common.
    pub const fn part(seed: u64, part: u64) -> Self {
        Self(mix(mix(seed) ^ part.wrapping_mul(STEP)))
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 to below 1.
    pub const fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly between the two.
    pub const fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// With that probability (0 to 1).
    pub const fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Exponentially distributed with that mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs of SplitMix64 from state 0.
        let mut chance = Chance(0);
        assert_eq!([chance.next(), chance.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn means_are_what_they_should_be() {
        let mut chance = Chance::part(7, 0);
        let mean = |draw: &mut dyn FnMut() -> f64| (0..40_000).map(|_| draw()).sum::<f64>() / 40_000.0;
        // Five standard errors.
        assert!((mean(&mut || chance.unit()) - 0.5).abs() < 0.008);
        assert!((mean(&mut || chance.exponential(30.0)) - 30.0).abs() < 0.75);
        assert!((mean(&mut || f64::from(u8::from(chance.happens(0.1)))) - 0.1).abs() < 0.008);
    }
}
