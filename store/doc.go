// Package store keeps everything that counts: MySQL/MariaDB or SQLite, through GORM, and through
// database/sql where GORM's reflection would cost more than the statement (the turns).
//
// One exported method is one transaction with a business name. No row type and no *gorm.DB leaves
// the package. What an error of a database means is decided in errors.go and nowhere else.
//
// Times are Unix milliseconds in UTC in columns that end in _at; 0 is "never". Days are CHAR(10) in
// Asia/Shanghai. No arithmetic with dates, no JSON operators and no string functions in SQL: MySQL,
// MariaDB and SQLite differ there. There are no foreign keys: they would lock parent rows in the
// path of every answer, and every write is a method here. Row counts of upserts are never
// read; those of inserts that ignore duplicates are.
//
// The package must not know HTTP, a platform's wire, or why a turn says what it says.
package store
