//! One suite per seam. Every implementation runs all of it: there are no flags and no skips.
//!
//! A case is a named function that gets a fresh store; [`journal_suite`] and [`index_suite`] print each name before they run it,
//! and return how many they ran. Records are real ones. Time is what the cases say: no case sleeps or reads a clock.

#![expect(clippy::unwrap_used, reason = "a suite is a test")]

mod appends;
mod lists;
mod reads;
mod rows;
pub mod sample;
mod snapshots;
mod tasks;

use std::sync::Arc;

use crate::{index::Index, journal::Journal};

macro_rules! run_cases {
    ($seam:literal, $make:ident, [$($module:ident :: $case:ident),+ $(,)?]) => {{
        let mut count = 0;
        $(
            println!("{}: {}::{}", $seam, stringify!($module), stringify!($case));
            $module::$case(Arc::new($make().await)).await;
            count += 1;
        )+
        println!("{}: {count} cases, none skipped", $seam);
        count
    }};
}

/// Run every case of the journal seam; `make` gives an empty store each time. Returns the number of cases.
///
/// # Panics
/// If the store breaks the contract.
pub async fn journal_suite<S: Journal>(make: impl AsyncFn() -> S) -> usize {
    run_cases!(
        "journal",
        make,
        [
            appends::an_absent_actor_has_nothing,
            appends::the_first_run_makes_the_actor_in_the_epoch_that_it_names,
            appends::runs_follow_each_other,
            appends::records_come_back_byte_for_byte,
            appends::whoever_reads_after_ok_sees_the_run,
            appends::a_run_that_is_not_at_the_head_conflicts,
            appends::a_run_in_conflict_writes_nothing,
            appends::a_run_is_never_seen_in_part,
            appends::the_same_run_again_is_committed,
            appends::another_run_at_a_taken_place_conflicts,
            appends::of_racing_appends_exactly_one_wins,
            appends::of_racing_first_runs_exactly_one_wins,
            appends::losers_do_not_take_others_with_them,
            appends::the_largest_runs_fit,
            appends::five_thousand_actors_work,
            reads::a_read_may_begin_inside_a_run,
            reads::a_read_is_bounded,
            reads::a_read_past_the_end_is_empty,
            reads::pages_never_skip_while_runs_arrive,
            reads::pages_cross_snapshots_without_a_hole,
            snapshots::there_is_none_at_first,
            snapshots::a_newer_one_replaces,
            snapshots::an_older_one_is_dropped,
            snapshots::one_at_the_same_place_replaces,
            snapshots::one_of_another_epoch_is_dropped,
            snapshots::one_that_is_not_committed_is_dropped,
            snapshots::a_large_one_comes_back,
            snapshots::appends_go_on_after_one,
            snapshots::a_fence_conflicts_with_older_epochs,
            snapshots::a_fence_takes_the_snapshot_along,
            snapshots::a_lower_fence_does_nothing,
            snapshots::an_unknown_run_is_found_behind_a_fence,
            snapshots::a_deleted_actor_is_gone_and_can_be_made_again,
        ]
    )
}

/// Run every case of the index seam; `make` gives an empty store each time. Returns the number of cases.
///
/// # Panics
/// If the store breaks the contract.
pub async fn index_suite<S: Journal + Index>(make: impl AsyncFn() -> S) -> usize {
    run_cases!(
        "index",
        make,
        [
            rows::a_row_follows_its_actor,
            rows::due_wakes_come_in_order_and_bounded,
            rows::a_wake_moves_and_clears,
            rows::a_retired_actor_is_never_due,
            rows::who_has_somebody_present_is_found,
            rows::a_sweep_is_in_order_and_bounded,
            rows::reindex_applies_where_the_row_stands,
            rows::reindex_is_dropped_where_the_row_has_moved,
            rows::counts_follow,
            rows::activity_counts_commits_by_ten_minutes,
            rows::a_deleted_actor_has_no_row,
            tasks::an_open_instance_is_leased_once,
            tasks::of_many_lessees_exactly_one_gets_it,
            tasks::leases_come_longest_ready_first_and_bounded,
            tasks::a_fresh_instance_does_not_wait_for_a_clock,
            tasks::a_lease_ends,
            tasks::a_released_instance_waits_until_its_retry,
            tasks::only_what_the_lessee_can_perform_is_leased,
            tasks::an_attempt_that_was_not_made_does_not_count,
            tasks::a_lease_that_ended_gives_nothing_back,
            tasks::a_closed_instance_is_never_leased,
            tasks::an_instance_that_closes_in_its_own_run_is_never_leased,
            tasks::the_same_key_again_is_another_instance,
            tasks::the_same_run_again_keeps_the_lease,
            tasks::reindex_keeps_the_lease,
            tasks::a_deleted_actor_has_no_tasks,
            lists::filters_select,
            lists::members_follow_the_summary,
            lists::private_rows_are_in_the_lists_of_their_members_alone,
            lists::the_newest_comes_first,
            lists::the_highest_sort_comes_before_the_newest,
            lists::pages_are_whole_while_rows_change,
            lists::pages_are_whole_over_five_thousand,
            lists::a_bad_cursor_is_an_empty_last_page,
        ]
    )
}
