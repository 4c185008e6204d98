//! AWS's edges on this machine, as strict as they are there: no emulator enforces the limits of API Gateway, or keeps an environment of Lambda to
//! one invocation at a time and frozen in between.
//!
//! [`Function`] runs a real Lambda binary in as many environments as there are invocations at once; [`Gateway`] puts WebSockets, their management
//! API and HTTP in front of it; [`Stream`], [`Queue`] and [`Schedule`] ask on its behalf. Time is a [`Clock`] that a test can move. The numbers are in [`limits`].
//!
//! Absent: signatures and credentials, authorizers (identity is a ticket in the query, which the function checks), stages and domains, prices. What stores
//! and queues do is for the emulators beside it.

pub mod limits;

mod clock;
pub mod emulator;
mod environment;
mod function;
mod gateway;
mod meter;
mod sources;

pub use clock::Clock;
pub use function::{Failed, Function, FunctionUsage, Lambda};
pub use gateway::{Gateway, Mischief};
pub use meter::{Call, Calls, Meter};
pub use sources::{Faults, Queue, Schedule, Stream};
