//! Brokers: one conformance suite for all of them, and what only each of them promises.

mod embedded;
mod kafka;
mod suite;

/// Makes one test per case of the conformance suite in a module of this name; `$open` is the full
/// path of an `async fn() -> Option<Arc<dyn Broker>>` that opens the broker for one case, or says why
/// it cannot be had. Several cases may run on one cluster at once: topics and groups have names of
/// their own.
macro_rules! broker_conformance {
    ($module:ident, $open:path) => {
        mod $module {
            $crate::broker::conformance_tests! { $open =>
                topics {
                    a_created_topic_is_described,
                    a_topic_that_exists_is_left_as_it_is,
                    a_topic_that_cannot_be_is_rejected,
                    settings_of_a_topic_are_effective,
                    a_deleted_topic_is_gone,
                    what_is_asked_of_an_unknown_topic_is_refused,
                    watermarks_follow_what_is_written,
                    the_cluster_keeps_its_identity,
                }
                producing {
                    order_is_kept_per_partition_over_batches,
                    a_delivery_resolves_once_its_records_can_be_read,
                    absent_and_empty_are_different,
                    a_timestamp_is_kept_or_the_time_of_sending,
                    keys_go_where_the_java_client_sends_them,
                    a_new_topic_is_made_by_writing_to_it,
                    a_record_that_cannot_be_stored_is_reported_by_its_position,
                    an_empty_batch_is_delivered,
                }
                transactions {
                    a_refused_record_is_known_before_its_transaction_ends,
                    a_transaction_over_topics_is_seen_whole,
                    what_was_aborted_is_never_seen,
                    a_newer_producer_fences_the_older_one,
                    offsets_are_committed_with_the_records_of_their_transaction,
                }
                consuming {
                    reading_begins_at_the_earliest_record,
                    reading_begins_at_the_latest_record_if_asked_to,
                    a_member_continues_where_the_group_committed,
                    a_paused_partition_brings_nothing_until_it_is_resumed,
                    a_seek_decides_what_comes_next,
                    a_topic_that_comes_later_is_read,
                    a_pattern_finds_a_later_topic,
                    what_was_aborted_is_not_consumed,
                    a_topic_that_is_made_anew_is_handed_out_anew,
                }
                groups {
                    members_share_partitions_and_hand_them_over,
                    a_closed_member_commits_in_its_last_revocation,
                    what_is_committed_beside_an_offset_is_told_to_the_next,
                    offsets_of_a_group_are_altered,
                    a_deleted_group_has_committed_nothing,
                    a_group_with_members_is_left_alone,
                    a_group_is_free_once_its_last_member_has_closed,
                }
                reading {
                    a_reader_reads_to_the_end_each_time,
                    a_reader_waits_for_the_next_record,
                    a_reader_begins_where_it_is_told,
                    a_reader_reads_every_partition,
                    the_last_value_of_each_key_is_in_a_compacted_topic,
                }
            }
        }
    };
}

/// Makes one test per case.
macro_rules! conformance_tests {
    ($open:path => $($room:ident { $($case:ident,)* })*) => { $(
        mod $room { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(broker) = $open().await else { return };
                $crate::broker::suite::within($crate::broker::suite::$room::$case(broker)).await;
            }
        )* }
    )* };
}

pub(crate) use broker_conformance;
pub(crate) use conformance_tests;
