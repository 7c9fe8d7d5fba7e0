//! A [`Timestamp`] as PostgreSQL's `timestamptz`: both count whole microseconds.

use session_core::Timestamp;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// Microseconds from 1970, where ours begin, to 2000, where PostgreSQL's do.
const EPOCH: i64 = 946_684_800_000_000;

/// A moment to bind and to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("TIMESTAMPTZ")
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // A timestamp ends with the year 9999, so nothing overflows.
        Encode::<Postgres>::encode(self.0.as_micros() - EPOCH, buffer)
    }
}

impl Decode<'_, Postgres> for Moment {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("a moment as text, although every statement is prepared".into());
        }
        let micros: i64 = Decode::<Postgres>::decode(value)?;
        // Infinity becomes the last moment there is.
        Ok(Self(Timestamp::from_micros(micros.saturating_add(EPOCH))))
    }
}
