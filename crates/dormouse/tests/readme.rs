//! The counter that the README shows is the one that the tests compile, and it is as short as it claims.

const README: &str = include_str!("../../../README.md");
const EXAMPLE: &str = include_str!("../examples/counter.rs");

fn shown() -> &'static str {
    README.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a Rust block in the README")
}

fn lines(code: &str) -> usize {
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

#[test]
fn the_readme_shows_the_example() {
    let (_, example) = EXAMPLE.split_once("\n\n").expect("a head line, then the code");
    assert_eq!(shown(), example, "README.md and crates/dormouse/examples/counter.rs differ");
}

#[test]
fn it_is_thirty_lines_of_rules_and_a_main_of_five() {
    let (rules, main) = shown().split_once("fn main").expect("a main");
    let rules = rules.split_once("#[derive").expect("rules").1;
    assert!(lines(rules) <= 30, "{} lines of rules", lines(rules));
    assert!(lines(main) <= 5, "{} lines of main", lines(main));
}
