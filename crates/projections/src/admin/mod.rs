//! Operators' work on read models and on MongoDB itself; serving needs nothing of this.

mod mongo_roles;
mod read_models;
mod replica_set;

pub use mongo_roles::Grants;
pub use read_models::{
    FoldedBefore, ReadModel, RetireError, folded_before, pause, read_models, resume, retire,
};
pub use replica_set::{FormError, Formed, MongoUser, ReplicaSet};
