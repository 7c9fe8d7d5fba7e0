//! The request laws, over every backend at hand.
