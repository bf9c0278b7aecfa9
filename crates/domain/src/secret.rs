use zeroize::Zeroize;

/// A value that must not leak: it can't be printed, serialised or cloned, and is wiped when dropped. It lives
/// here, below `seal`, because the domain itself makes secrets; `seal` hands it on.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes `value` into safe keeping.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it. Every call is a place to audit.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_prints_as_nothing_but_that_it_is_one() {
        assert_eq!(format!("{:?}", Secret::new(String::from("canary"))), "(secret)");
    }
}
