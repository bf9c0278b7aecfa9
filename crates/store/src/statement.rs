/// Names a module's statements, and lists them as `STATEMENTS`, so that a test can prepare each one on each database.
#[macro_export]
#[doc(hidden)]
macro_rules! statements {
    ($($name:ident = $sql:expr;)+) => {
        $(static $name: $crate::db::Statement =
            $crate::db::Statement::new(concat!(module_path!(), "::", stringify!($name)), $sql);)+

        #[cfg(test)]
        pub(crate) static STATEMENTS: &[&$crate::db::Statement] = &[$(&$name),+];
    };
}
