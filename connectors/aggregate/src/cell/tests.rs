use proptest::prelude::*;

use super::*;
use crate::test_support::definition;

const MEASURES: &str = "sum:n,min:n,max:n,avg:n,distinct:v,top:v";

fn cell(numbers: &[i32]) -> Cell {
    let definition = definition("", MEASURES);
    let mut cell = Cell::new(&definition);
    for number in numbers {
        cell.count_record();
        let text = number.to_string();
        for measure in 0..4 {
            cell.update(measure, Input::Number(Number::Whole((*number).into())));
        }
        cell.update(4, Input::Text(&text));
        cell.update(5, Input::Text(&text));
    }
    cell
}

fn shown(cell: &Cell) -> Vec<String> {
    let definition = definition("", MEASURES);
    cell.shown(&definition).map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn every_measure_is_shown_under_its_name() {
    assert_eq!(
        shown(&cell(&[3, 1, 3, 9])),
        [
            "sum:n=16",
            "min:n=1",
            "max:n=9",
            "avg:n=4.0",
            "distinct:v=3",
            r#"top:v=[{"value":3,"count":2,"error":0},{"value":1,"count":1,"error":0},{"value":9,"count":1,"error":0}]"#,
        ]
    );
}

#[test]
fn without_values_only_sums_and_counts_are_zero() {
    let expected =
        ["sum:n=0", "min:n=null", "max:n=null", "avg:n=null", "distinct:v=0", "top:v=[]"];
    assert_eq!(shown(&cell(&[])), expected);
}

#[test]
fn fractions_join_whole_numbers() {
    let mut cell = cell(&[1]);
    let half = Number::real(0.5).unwrap();
    for measure in 0..4 {
        cell.update(measure, Input::Number(half));
    }
    assert_eq!(shown(&cell)[..4], ["sum:n=1.5", "min:n=0.5", "max:n=1", "avg:n=0.75"]);
    assert_eq!(Number::real(f64::NAN), None);
}

#[test]
fn a_damaged_state_is_an_error_and_not_a_wrong_number() {
    let bytes = cell(&[1, 2, 3]).encode();
    for length in 0..bytes.len() {
        assert!(Cell::decode(&definition("", MEASURES), &bytes[..length]).is_err(), "{length}");
    }
    assert!(Cell::decode(&definition("", "max:n"), &bytes).is_err(), "another definition");
}

proptest! {
    #[test]
    fn a_stored_cell_reads_back_the_same(numbers in proptest::collection::vec(0..50, 0..200)) {
        let cell = cell(&numbers);
        let read = Cell::decode(&definition("", MEASURES), &cell.encode()).unwrap();
        prop_assert_eq!(shown(&read), shown(&cell));
    }

    #[test]
    fn merging_equals_seeing_everything(
        left in proptest::collection::vec(0..50, 0..100),
        right in proptest::collection::vec(0..50, 0..100),
    ) {
        let mut merged = cell(&left);
        merged.merge(&cell(&right));
        prop_assert_eq!(shown(&merged), shown(&cell(&[left, right].concat())));
    }
}
