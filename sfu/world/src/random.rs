//! Seeded randomness.
//!
//! Our own, because the figures are checked in: a library may change its streams in a patch release.

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for each pair of a seed and a purpose.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ purpose.rotate_left(32));
        random.bits();
        random
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Evenly between two values.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Whether something of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// Normal, mean 0, deviation 1: the sum of twelve even ones less six, which has the same values
    /// on every machine. It never exceeds six.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Exponential, mean 1.
    pub fn exponential(&mut self) -> f64 {
        -natural_log(1.0 - self.unit())
    }
}

/// The logarithm of `x` in (0, 1]. The standard library's comes from the platform and may differ in
/// its last bit from one to another.
fn natural_log(mut x: f64) -> f64 {
    let mut halvings = 0.0;
    while x < 0.75 {
        x *= 2.0;
        halvings += 1.0;
    }
    // ln x = 2 artanh((x - 1) / (x + 1)); the argument is within 1/7, so 20 terms are plenty.
    let ratio = (x - 1.0) / (x + 1.0);
    let square = ratio * ratio;
    let series = (0..20).rev().fold(0.0, |sum, n| sum * square + 1.0 / f64::from(2 * n + 1));
    2.0 * ratio * series - halvings * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_one() {
        for x in [1.0, 0.9, 0.5, 0.1, 1e-9] {
            assert!((natural_log(x) - f64::ln(x)).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn moments_are_right() {
        let mut random = Random::new(1, 2);
        let count = 100_000;
        let (mut sum, mut square, mut waits) = (0.0, 0.0, 0.0);
        for _ in 0..count {
            let normal = random.normal();
            sum += normal;
            square += normal * normal;
            waits += random.exponential();
        }
        let count = f64::from(count);
        assert!((sum / count).abs() < 0.02);
        assert!((square / count - 1.0).abs() < 0.02);
        assert!((waits / count - 1.0).abs() < 0.02);
    }

    #[test]
    fn purposes_have_streams_of_their_own() {
        let bits = |seed, purpose| Random::new(seed, purpose).bits();
        assert_eq!(bits(1, 2), bits(1, 2));
        assert_ne!(bits(1, 2), bits(1, 3));
        assert_ne!(bits(1, 2), bits(2, 2));
        assert_ne!(bits(1, 2), bits(2, 1));
    }
}
