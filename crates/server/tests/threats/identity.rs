use crate::table::Case;
pub fn cases() -> Vec<Case> {
    vec![]
}
