//! What every store does, wherever its vectors are: one list of tests, run for the library in a folder
//! and, where `CLIP_MILVUS_URL` names a server, for the one in a cluster.
#![cfg(any(feature = "milvus", feature = "sqlite"))]

mod change;
mod find;
mod limits;
mod names;
mod place;
mod plain;
mod serve;
mod together;

/// Makes a test of each function for each kind of store.
macro_rules! contract {
    ($($part:ident::$test:ident),* $(,)?) => {
        #[cfg(feature = "sqlite")]
        mod library {
            $(#[test]
            fn $test() {
                super::$part::$test(&super::place::Folder::new());
            })*
        }

        #[cfg(feature = "milvus")]
        mod cluster {
            $(#[test]
            fn $test() {
                if let Some(collection) = super::place::Collection::new(stringify!($test)) {
                    super::$part::$test(&collection);
                }
            })*
        }
    };
}

contract![
    change::an_item_comes_back_with_all_that_is_known_of_it,
    change::the_same_id_is_replaced_whatever_it_was,
    change::what_is_removed_is_gone,
    change::an_item_can_be_renamed,
    change::failures_are_remembered_until_the_file_can_be_read,
    change::what_a_user_said_of_tags_is_kept_apart_from_the_file,
    change::tags_of_files_without_an_item_are_kept,
    change::an_empty_store_answers,
    find::the_nearest_are_those_of_a_plain_scan,
    find::filters_let_pass_what_they_say,
    find::a_sample_is_the_same_each_time_and_of_one_kind,
    find::as_many_as_there_are_is_no_error,
    limits::what_is_long_is_stored_or_refused_before_anything_is,
    limits::vectors_that_are_none_are_refused,
    names::letters_with_marks_are_the_same_in_both_forms,
    names::names_of_any_letters_come_back_and_are_found,
    serve::a_snapshot_answers_as_before,
    serve::many_search_while_one_writes,
    serve::readers_are_for_every_thread,
    serve::who_writes_keeps_nobody_from_searching,
    together::what_is_committed_is_there_for_others,
    together::two_may_write_at_once,
    together::another_model_is_refused_by_name,
];
