//! What does not compile, and what the compiler says of it; and what does.
//!
//! `TRYBUILD=overwrite` writes the messages anew; read them before they are kept.

#[test]
fn a_mistake_in_a_derive_is_explained_where_it_stands() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile_fail/pass/*.rs");
    cases.compile_fail("tests/compile_fail/*.rs");
}
