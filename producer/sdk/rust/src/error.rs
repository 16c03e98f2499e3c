use std::fmt;

/// A mistake in a call: `field` is the path of what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidMessage {
    pub field: String,
    pub problem: String,
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for InvalidMessage {}

pub(crate) fn invalid<T>(field: impl Into<String>, problem: impl Into<String>) -> Result<T, InvalidMessage> {
    Err(InvalidMessage { field: field.into(), problem: problem.into() })
}

pub(crate) fn check_id(value: &str, field: &str) -> Result<(), InvalidMessage> {
    let good = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if value.len() > 64 || !value.starts_with(|c: char| c.is_ascii_alphanumeric()) || !value.chars().all(good) {
        return invalid(field, format!("{value:?} is not 1 to 64 characters of a-z A-Z 0-9 . _ - that start with a letter or digit"));
    }
    Ok(())
}

pub(crate) fn check_name(name: &str, field: &str) -> Result<(), InvalidMessage> {
    if name.is_empty() || name.chars().count() > 64 {
        return invalid(field, "a name has 1 to 64 characters");
    }
    Ok(())
}

pub(crate) fn check_number(value: f64, field: impl FnOnce() -> String) -> Result<(), InvalidMessage> {
    if !value.is_finite() {
        return invalid(field(), format!("expected a finite number, got {value}"));
    }
    Ok(())
}
