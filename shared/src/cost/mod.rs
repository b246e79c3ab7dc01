//! What a run is going to cost, before it does: counts times prices, from one dated table, and the limits that a plan is
//! held against. Calls nothing.

mod estimate;
mod limits;
mod money;
mod prices;

pub use estimate::{Cost, How, Item, Keys, Large, What, Work};
pub use limits::{Limits, Over};
pub use money::Money;
pub use prices::{PriceError, Prices, Rates};

#[cfg(test)]
pub(crate) mod tests;
