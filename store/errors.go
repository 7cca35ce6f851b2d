package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	sqlite3 "modernc.org/sqlite"
)

// trouble is what an error of a database means for us. This file is the only place that decides.
type trouble int

const (
	troubleNone      trouble = iota
	troubleDuplicate         // a unique key says no
	troubleContended         // deadlock, lock wait, busy: the same transaction may work again
	troubleLost              // the connection is gone: whether a commit took place is not known
	troubleCancelled         // our own deadline or cancellation
	troubleRefused           // read-only, too many connections, shutting down: not done
	troubleOther
)

// MySQL's and MariaDB's numbers.
const (
	mysqlDuplicate       = 1062
	mysqlDeadlock        = 1213
	mysqlLockWait        = 1205
	mysqlChanged         = 1020 // record has changed since last read (MariaDB's snapshot isolation)
	mysqlTooMany         = 1040
	mysqlTooManyUser     = 1203
	mysqlShutdown        = 1053
	mysqlReadOnly        = 1290
	mysqlReadOnlyMode    = 1836
	mysqlInterrupted     = 1317
	mysqlConnectionKill  = 1927
	mysqlUnknownDatabase = 1049
	mysqlAccessDenied    = 1045
)

// SQLite's result codes.
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteReadOnly   = 8
	sqliteInterrupt  = 9
	sqliteUnique     = 2067
	sqlitePrimaryKey = 1555
)

func classify(err error) trouble {
	var my *mysql.MySQLError
	var lite *sqlite3.Error
	var network net.Error
	switch {
	case err == nil:
		return troubleNone
	case errors.As(err, &my):
		return classifyMySQL(my.Number)
	case errors.As(err, &lite):
		return classifySQLite(lite.Code())
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return troubleDuplicate
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return troubleCancelled
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return troubleLost
	}
	return troubleOther
}

func classifyMySQL(n uint16) trouble {
	switch n {
	case mysqlDuplicate:
		return troubleDuplicate
	case mysqlDeadlock, mysqlLockWait, mysqlChanged:
		return troubleContended
	case mysqlInterrupted, mysqlConnectionKill:
		return troubleLost
	case mysqlTooMany, mysqlTooManyUser, mysqlShutdown, mysqlReadOnly, mysqlReadOnlyMode:
		return troubleRefused
	}
	return troubleOther
}

func classifySQLite(code int) trouble {
	switch code {
	case sqliteUnique, sqlitePrimaryKey:
		return troubleDuplicate
	case sqliteInterrupt:
		return troubleCancelled
	}
	switch code & 0xff {
	case sqliteBusy, sqliteLocked:
		return troubleContended
	case sqliteReadOnly:
		return troubleRefused
	}
	return troubleOther
}

// plain keeps values out of an error's text: a server quotes them ("Duplicate entry '…'"), and they
// may be personal data. The cause stays reachable for errors.As.
func plain(err error) error {
	var my *mysql.MySQLError
	if err == nil || !errors.As(err, &my) {
		return err
	}
	text := "error " + itoa(int(my.Number))
	switch my.Number {
	case mysqlDuplicate:
		text += ": a row with this key is there already"
	case mysqlDeadlock:
		text += ": deadlock"
	case mysqlLockWait:
		text += ": waited too long for a lock"
	case mysqlAccessDenied, mysqlUnknownDatabase, mysqlTooMany, mysqlReadOnly, mysqlShutdown:
		text += ": " + my.Message // no values of ours in these
	}
	return &plainError{text: text, cause: err}
}

type plainError struct {
	text  string
	cause error
}

func (e *plainError) Error() string { return e.text }

func (e *plainError) Unwrap() error { return e.cause }
