//! Where an address is, roughly: from a MaxMind database (GeoLite2 City, or any with a location).

#[cfg(test)]
pub(crate) mod tests;

use std::{net::IpAddr, path::Path};

use serde::Deserialize;

use crate::Failure;

/// Radius of the Earth in kilometres.
const EARTH_KM: f64 = 6_371.0;

/// A point on the Earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Location {
    /// North is positive.
    pub latitude: f64,
    /// East is positive.
    pub longitude: f64,
}

impl Location {
    /// As the crow flies, in kilometres (haversine).
    #[must_use]
    pub fn km_to(self, other: Self) -> f32 {
        let (a, b) = (self.latitude.to_radians(), other.latitude.to_radians());
        let north = ((b - a) / 2.0).sin().powi(2);
        let east = ((other.longitude - self.longitude).to_radians() / 2.0).sin().powi(2);
        let chord = (north + a.cos() * b.cos() * east).clamp(0.0, 1.0);
        (2.0 * EARTH_KM * chord.sqrt().asin()) as f32
    }
}

/// What is read of a record; databases without a location have nothing for us.
#[derive(Debug, Deserialize)]
struct Record {
    location: Option<Location>,
}

/// An open database, read into memory.
pub struct Geo {
    reader: maxminddb::Reader<Vec<u8>>,
}

impl Geo {
    /// Opens the file.
    ///
    /// # Errors
    /// A sentence when it cannot be read or is no such database.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let reader = maxminddb::Reader::open_readfile(path).map_err(|error| {
            Failure::Config(format!("geoip_database {}: {error}", path.display()))
        })?;
        tracing::info!(path = %path.display(), kind = reader.metadata().database_type, "location database");
        Ok(Self { reader })
    }

    /// Where the address is; none when the database does not know.
    #[must_use]
    pub fn locate(&self, address: IpAddr) -> Option<Location> {
        let found = self.reader.lookup(address).ok()?;
        found.decode::<Record>().ok()??.location
    }
}

impl std::fmt::Debug for Geo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Geo").finish_non_exhaustive()
    }
}
