//! The binary as an operator meets it: it drains, guards its data, tells how it is, and moves actors between journals.

mod support;
