package store

import (
	"context"
	"fmt"
)

// Setup is how a database server is set up, as far as promises and speed depend on it.
type Setup struct {
	// Durable: what was committed survives a power cut. Without it a reply may say 已记录 of an answer that is gone
	// afterwards (DESIGN rule 1).
	Durable bool
	Why     string // the setting that takes durability away; "" when durable
	Cache   int64  // bytes the server keeps tables and indexes in; 0 for SQLite, which leaves that to the system
	Data    int64  // bytes of tables and indexes of this database, by the server's estimate; 0 for SQLite
}

// Setup asks the server. SQLite is opened by this package as it must be.
func (s *Store) Setup(ctx context.Context) (Setup, error) {
	if s.dialect == dialectSQLite {
		return Setup{Durable: true}, nil
	}
	var out Setup
	var flush, binlog, syncBinlog int
	err := s.reads.QueryRowContext(ctx, `SELECT @@innodb_flush_log_at_trx_commit, @@log_bin, @@sync_binlog, @@innodb_buffer_pool_size,
		(SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE())`).
		Scan(&flush, &binlog, &syncBinlog, &out.Cache, &out.Data)
	if err != nil {
		return out, fmt.Errorf("reading how the database is set up: %w", plain(err))
	}
	switch {
	case flush != 1:
		out.Why = fmt.Sprintf("innodb_flush_log_at_trx_commit = %d", flush)
	case binlog == 1 && syncBinlog != 1:
		// The server finds in the binary log after a crash which prepared commits count.
		out.Why = fmt.Sprintf("sync_binlog = %d with a binary log", syncBinlog)
	}
	out.Durable = out.Why == ""
	return out, nil
}
