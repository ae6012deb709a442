//! What does not compile, and what the compiler says of it.
//!
//! `TRYBUILD=overwrite` writes the messages anew; read them before they are kept.
//!
//! All cases are checked by one run of cargo. One case that is to compile would have each of them built by itself:
//! what compiles is in tests of its own, as `everything`.

#[test]
fn compile_errors_are_reported_at_the_mistake() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
}
