//! devservers
