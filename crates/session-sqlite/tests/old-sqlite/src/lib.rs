//! What this package builds is the tests beside it; see its `Cargo.toml`.

#[cfg(test)]
mod tests {
    /// Else the tests would show nothing new.
    #[tokio::test]
    async fn the_library_is_the_oldest() -> Result<(), sqlx::Error> {
        let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&pool).await?;
        assert!(version.starts_with("3.46."), "{version}");
        Ok(())
    }
}
