//! How many different values there were, in 4 KiB at most.
//!
//! Source: Flajolet et al., "`HyperLogLog`" (2007), for the registers; Ertl, "New cardinality
//! estimation algorithms for `HyperLogLog` sketches" (2017), algorithm 6, for the estimate, which
//! needs no table of biases.

/// Bits of the hash that choose a register.
pub(crate) const PRECISION: u32 = 12;

/// Number of registers.
const REGISTERS: usize = 1 << PRECISION;

/// Standard error of the estimate: `1.04 / sqrt(REGISTERS)`.
pub(crate) const STANDARD_ERROR: f64 = 0.01625;

/// Set registers beyond which the list takes as many bytes as the full table.
const MOST_LISTED: usize = REGISTERS / 4;

/// Largest rank a register can hold: the hash bits that are left, all zero, and one.
const MOST_RANK: u8 = 53;

/// Registers that remember the longest run of zeros seen; a list while few are set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HyperLogLog {
    /// Register and rank of those that are set, by register.
    Listed(Vec<(u16, u8)>),
    /// Rank of every register; 0 is not set.
    Full(Box<[u8]>),
}

impl Default for HyperLogLog {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl HyperLogLog {
    /// Counts a value, and says by how many bytes the sketch grew.
    pub(crate) fn insert(&mut self, value: &[u8]) -> usize {
        let hash = hash(value);
        let register = u16::try_from(hash >> (64 - PRECISION)).unwrap_or(0);
        let rank = (hash << PRECISION).leading_zeros().min(64 - PRECISION) + 1;
        self.raise(register, u8::try_from(rank).unwrap_or(MOST_RANK))
    }

    /// Counts what the other one counted too.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (register, rank) in other.registers() {
            self.raise(register, rank);
        }
    }

    /// Registers that are set, with their ranks, by register.
    pub(crate) fn registers(&self) -> Box<dyn Iterator<Item = (u16, u8)> + '_> {
        match self {
            Self::Listed(list) => Box::new(list.iter().copied()),
            Self::Full(ranks) => {
                Box::new((0..).zip(ranks.iter().copied()).filter(|(_, rank)| *rank > 0))
            }
        }
    }

    /// Sets a register to a rank unless it holds a higher one; ignores what no hash can give.
    pub(crate) fn raise(&mut self, register: u16, rank: u8) -> usize {
        if usize::from(register) >= REGISTERS || rank == 0 || rank > MOST_RANK {
            return 0;
        }
        match self {
            Self::Full(ranks) => {
                if let Some(slot) = ranks.get_mut(usize::from(register)) {
                    *slot = rank.max(*slot);
                }
                0
            }
            Self::Listed(list) => {
                match list.binary_search_by_key(&register, |(register, _)| *register) {
                    Ok(at) => {
                        if let Some((_, slot)) = list.get_mut(at) {
                            *slot = rank.max(*slot);
                        }
                        0
                    }
                    Err(at) => {
                        list.insert(at, (register, rank));
                        size_of::<(u16, u8)>() + self.fill_up()
                    }
                }
            }
        }
    }

    fn fill_up(&mut self) -> usize {
        let Self::Listed(list) = self else { return 0 };
        if list.len() <= MOST_LISTED {
            return 0;
        }
        let mut ranks = vec![0; REGISTERS].into_boxed_slice();
        for &(register, rank) in list.iter() {
            if let Some(slot) = ranks.get_mut(usize::from(register)) {
                *slot = rank;
            }
        }
        *self = Self::Full(ranks);
        REGISTERS
    }

    /// About how many different values were counted.
    #[expect(clippy::cast_precision_loss, reason = "4096 registers are exact in 53 bits")]
    pub(crate) fn estimate(&self) -> f64 {
        let mut counts = [0_u32; MOST_RANK as usize + 1];
        let mut set = 0;
        for (_, rank) in self.registers() {
            set += 1;
            if let Some(count) = counts.get_mut(usize::from(rank)) {
                *count += 1;
            }
        }
        let registers = REGISTERS as f64;
        let [_, middle @ .., last] = counts;
        let mut z = registers * tau((registers - f64::from(last)) / registers);
        for count in middle.iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += registers * sigma((registers - f64::from(set)) / registers);
        let alpha = 0.5 / std::f64::consts::LN_2;
        alpha * registers * registers / z
    }
}

fn sigma(x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum <= before {
            return sum;
        }
    }
}

fn tau(x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root).powi(2) * weight;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

/// FNV-1a, mixed by the finaliser of `MurmurHash3` because FNV alone leaves the high bits poor. Part of
/// the stored format: sketches of different hashes cannot be merged.
fn hash(value: &[u8]) -> u64 {
    let mut hash = value.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = u64>) -> HyperLogLog {
        let mut sketch = HyperLogLog::default();
        for value in values {
            sketch.insert(format!("user-{value}").as_bytes());
        }
        sketch
    }

    #[test]
    fn the_estimate_stays_within_three_standard_errors() {
        for (size, limit) in
            [(1, 0.0), (10, 0.0), (1_000, 0.03), (5_000, 0.049), (50_000, 0.049), (500_000, 0.049)]
        {
            let size: u32 = size;
            let estimate = of(0..size.into()).estimate();
            let error = (estimate.round() - f64::from(size)).abs() / f64::from(size);
            assert!(error <= limit, "{size} values were estimated as {estimate}");
        }
        assert_eq!(HyperLogLog::default().estimate().round(), 0.0);
    }

    #[test]
    fn the_stated_error_is_the_one_measured() {
        let squares = (0..100_u64).map(|run| {
            let estimate = of(run * 20_000..(run + 1) * 20_000).estimate();
            (estimate / 20_000.0 - 1.0).powi(2)
        });
        let measured = (squares.sum::<f64>() / 100.0).sqrt();
        assert!((0.6..1.4).contains(&(measured / STANDARD_ERROR)), "measured {measured}");
    }

    proptest::proptest! {
        #[test]
        fn merged_sketches_equal_the_sketch_of_everything(left in 0_u64..4000, right in 0_u64..4000) {
            let mut merged = of(0..left);
            merged.merge(&of(1000..1000 + right));
            let whole = of((0..left).chain(1000..1000 + right));
            let registers = |sketch: &HyperLogLog| sketch.registers().collect::<Vec<_>>();
            proptest::prop_assert_eq!(registers(&merged), registers(&whole));
        }
    }
}
