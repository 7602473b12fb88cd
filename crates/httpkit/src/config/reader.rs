//! Reads variables, and collects every problem with the variable's name.

use std::{borrow::Cow, cell::RefCell, fmt, str::FromStr, time::Duration};

/// One environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Var {
    /// Its name.
    pub name: &'static str,
    /// Its value when it isn't set; `None` if it may stay unset.
    pub default: Option<&'static str>,
    /// The accepted values, in words.
    pub allowed: &'static str,
    /// Its purpose.
    pub doc: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

impl Var {
    /// A variable with a default.
    pub const fn new(
        name: &'static str,
        default: &'static str,
        allowed: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            default: Some(default),
            allowed,
            doc,
            secret: false,
        }
    }

    /// A variable that may stay unset.
    pub const fn optional(name: &'static str, allowed: &'static str, doc: &'static str) -> Self {
        Self {
            default: None,
            ..Self::new(name, "", allowed, doc)
        }
    }

    /// The same, never shown.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// A variable with an invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: &'static str,
    /// Its value without secrets. Empty if it isn't set.
    pub value: String,
    /// The accepted values.
    pub allowed: Cow<'static, str>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            allowed,
        } = self;
        if value.is_empty() {
            return write!(f, "{name} is not set, but must be {allowed}");
        }
        write!(f, "{name} is \"{value}\", but must be {allowed}")
    }
}

/// All problems of the environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// Reads variables and collects problems.
pub(super) struct VariableReader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> VariableReader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            problems: RefCell::default(),
        }
    }

    /// The value that is set, or the default. An empty value counts as unset: Compose files and
    /// manifests pass one for a variable without a value.
    pub(super) fn text(&self, var: &Var) -> Option<String> {
        (self.lookup)(var.name)
            .filter(|value| !value.trim().is_empty())
            .or_else(|| var.default.map(str::to_owned))
    }

    /// Returns a value that `read` accepts. Otherwise notes the problem and uses the fallback, so
    /// that reading can continue and find the other problems.
    pub(super) fn read<T>(
        &self,
        var: &Var,
        fallback: T,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Some(text) = self.text(var) else {
            return fallback;
        };
        read(text.trim()).unwrap_or_else(|| {
            self.refuse(var, var.allowed);
            fallback
        })
    }

    /// Whether it has a value of its own, and not only the default.
    pub(super) fn is_set(&self, var: &Var) -> bool {
        (self.lookup)(var.name).is_some_and(|value| !value.trim().is_empty())
    }

    /// Notes that a variable's value is invalid, and which values are accepted.
    pub(super) fn refuse(&self, var: &Var, allowed: impl Into<Cow<'static, str>>) {
        let value = self.text(var).unwrap_or_default();
        self.problems.borrow_mut().push(Problem {
            name: var.name,
            value: if var.secret {
                "(secret)".to_owned()
            } else {
                without_credentials(&value)
            },
            allowed: allowed.into(),
        });
    }

    /// An optional value.
    pub(super) fn optional<T>(&self, var: &Var, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.read(var, None, |text| read(text).map(Some))
    }

    /// A number in a range.
    pub(super) fn number<T>(&self, var: &Var, range: std::ops::RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Copy,
    {
        let lowest = *range.start();
        self.read(var, lowest, |text| {
            text.parse().ok().filter(|number| range.contains(number))
        })
    }

    /// A time in whole seconds.
    pub(super) fn seconds(&self, var: &Var, range: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(var, range))
    }

    pub(super) fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        let problems = self.problems.into_inner();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(problems))
        }
    }
}

/// A value for display: a user and a password in it are removed.
fn without_credentials(text: &str) -> String {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    match text.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => format!("(secret)@{host}"),
        Some((_, host)) => format!("{scheme}://(secret)@{host}"),
        None => text.to_owned(),
    }
}
