//! What a task with many open files takes of memory, as the system sees the process.
//!
//! A process of its own, because what other tests take would count too.
#![cfg(test)]

#[path = "../examples/scatter.rs"]
#[expect(dead_code, reason = "the example's own main")]
mod scatter;

/// Memory beside the budget: the files themselves, requests under way, what the allocator keeps.
const BESIDE_BYTES: u64 = 20 << 20;

#[tokio::test]
async fn records_scattered_over_many_files_arrive_in_the_memory_that_is_given() {
    let (files, records, memory_bytes) = (2_000, 300_000, 4 << 20);
    let outcome = scatter::scatter(files, records, memory_bytes).await.unwrap();
    assert_eq!((outcome.objects, outcome.lines), (files, records));
    assert_eq!(outcome.committed, i64::try_from(records).unwrap());
    let (before, most) = outcome.resident_bytes;
    assert!(most - before < memory_bytes + BESIDE_BYTES, "{before} {most}");
}
