//! Documents that are wrong, plans that are right.
