use std::sync::atomic::Ordering;

use super::misses::{Budget, Misses, Pending};
use super::shard::{Bucket, Scratch, Shard, TAG_BITS};
use super::{OverBudget, Standing};

/// As good as random, and always the same (splitmix64).
fn hashes(count: usize, seed: u64) -> Vec<u128> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    // The lowest 32 bits are not kept of what is new.
    (0..count).map(|_| (u128::from(next()) << 64 | u128::from(next())) >> 32 << 32).collect()
}

/// The objects that are there are held against `old`.
fn meet(old: &Shard, there: &[u128]) -> Misses {
    let (misses, mut pending) = ([Misses::default()], Pending::default());
    let budget = Budget::new(None);
    for hash in there {
        let standing = old.sight(0).meet(*hash, place(old, *hash), false);
        if standing == Standing::New || (standing == Standing::Known && old.is_small()) {
            assert!(pending.add(0, *hash, &misses, &budget).is_ok());
        }
    }
    assert!(pending.end(&misses, &budget).is_ok());
    let [misses] = misses;
    misses
}

/// A run.
fn run(old: Shard, there: &[u128]) -> Shard {
    let misses = meet(&old, there);
    {
        let unmet = old.unmet();
        old.next(unmet, &misses, &mut Scratch::default())
    }
}

fn place(shard: &Shard, hash: u128) -> Bucket<'_> {
    let sight = shard.sight(0);
    sight.bucket(sight.block(hash))
}

fn knows(shard: &Shard, hash: u128) -> bool {
    shard.sight(0).knows(hash, place(shard, hash))
}

/// All there is to a shard.
fn parts(shard: &Shard) -> (u8, u8, Vec<u8>, Vec<u64>) {
    let entries = shard.entries.iter().map(|entry| entry.load(Ordering::Relaxed)).collect();
    (shard.bucket_bits, shard.tag_bits, shard.starts.counts().flat_map(|counts| counts.to_vec()).collect(), entries)
}

fn holds_just(shard: &Shard, there: &[u128]) {
    assert_eq!(shard.len(), there.len() as u64);
    for hash in there {
        assert!(knows(shard, *hash));
        // Bits that an entry must have, whatever the shard has been through: the highest, the one that tells its bucket from the next, whose entries are
        // compared with its own, and the lowest it is known to.
        let buckets = u32::from(shard.bucket_bits);
        for bit in [127, 127.min(128 - buckets), 128 - buckets - u32::from(shard.tag_bits)] {
            assert!(!knows(shard, *hash ^ (1 << bit)), "bit {bit}");
        }
    }
}

#[test]
fn a_shard_grows_and_shrinks_without_losing_a_bit_for_long() {
    let all = hashes(200_000, 1);
    let mut shard = run(Shard::default(), &all[..5000]);
    assert_eq!((shard.bucket_bits, shard.tag_bits), (11, TAG_BITS));
    for (count, tag_bits) in
        [(5100, 63), (40_000, 60), (41_000, 63), (200_000, 60), (200_000, 63), (6000, 63), (5999, 63)]
    {
        shard = run(shard, &all[..count]);
        assert_eq!(shard.tag_bits, tag_bits, "{count}");
        holds_just(&shard, &all[..count]);
        if tag_bits == TAG_BITS {
            assert!(parts(&shard) == parts(&run(Shard::default(), &all[..count])), "{count}: as if made from scratch");
        }
    }
}

#[test]
fn a_small_shard_may_grow_to_any_size() {
    let all = hashes(100_000, 2);
    let shard = run(run(Shard::default(), &all[..10]), &all);
    assert!(parts(&shard) == parts(&run(Shard::default(), &all)));
    holds_just(&shard, &all);
}

#[test]
fn what_is_not_met_is_gone() {
    let all = hashes(30_000, 3);
    let old = run(Shard::default(), &all);
    let misses = meet(&old, &all[..20_000]);
    assert_eq!(old.unmet(), 10_000);
    let next = {
        let unmet = old.unmet();
        old.next(unmet, &misses, &mut Scratch::default())
    };
    holds_just(&next, &all[..20_000]);
    assert!(all[20_000..].iter().all(|hash| !knows(&next, *hash)));
}

#[test]
fn an_object_that_is_met_twice_is_told() {
    let all = hashes(5000, 4);
    let shard = run(Shard::default(), &all);
    assert_eq!(shard.sight(0).meet(all[7], place(&shard, all[7]), true), Standing::Known);
    assert_eq!(shard.sight(0).meet(all[7], place(&shard, all[7]), true), Standing::Again);
}

#[test]
fn a_new_object_twice_is_one_entry() {
    let all: Vec<_> = hashes(5000, 5).into_iter().chain(hashes(100, 5)).collect();
    let shard = run(Shard::default(), &all);
    assert_eq!(shard.len(), 5000);
}

#[test]
fn memory_is_taken_by_the_chunk_and_no_more_than_allowed() {
    let (misses, mut pending) = ([Misses::default()], Pending::default());
    let budget = Budget::new(Some(25_000));
    let mut hashes = hashes(5000, 6).into_iter();
    let added = hashes.by_ref().take_while(|hash| pending.add(0, *hash, &misses, &budget).is_ok()).count();
    // A chunk, and all but the last of those that come to the next one together.
    assert_eq!((added, misses[0].len()), (2048 + 15, 2048));
    assert!(matches!(budget.take(1), Err(OverBudget)));
}
