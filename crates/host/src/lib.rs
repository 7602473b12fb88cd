//! What every service is started with.
