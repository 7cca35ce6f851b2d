// Package fault is the error that reaches a person.
//
// Everything a learner, a trainer, an administrator or an operator can do wrong, or has a right to
// hear about, is a *fault.Error: a code for programs, a key into the phrase catalogue (package
// content) with its arguments for people, and the place where the mistake is. Every other error is
// "internal" and is never shown. The package must not know HTTP, a language or a storage.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Code says to a program what kind of error it is. The outside maps it: HTTP status, exit status.
type Code string

// The codes. The zero value means internal.
const (
	Internal    Code = ""            // a bug or a broken part; nobody outside is told more than a request id
	Invalid     Code = "invalid"     // the input is wrong; the sentence says what and where
	NotFound    Code = "not_found"   // what was asked for does not exist, or is not visible to the asker
	Conflict    Code = "conflict"    // the state changed meanwhile, or the thing exists already
	Forbidden   Code = "forbidden"   // known, and not allowed
	Limited     Code = "limited"     // too many tries; later is fine
	Unavailable Code = "unavailable" // a part is down; the same request may work later
)

// Arg is one named argument of a sentence: {name} in the catalogue becomes Value.
type Arg struct {
	Name  string
	Value any
}

// A is shorthand for Arg.
func A(name string, value any) Arg { return Arg{Name: name, Value: value} }

// Error is one problem a person can act on.
type Error struct {
	Code   Code
	Key    string // sentence in the phrase catalogue, for example "roster.name_missing"
	Args   []Arg  // arguments of that sentence
	File   string // file name without folders, "" when there is none
	Row    int    // 1-based row or line, 0 when there is none
	Column string // column heading, or column number as text; "" when there is none
	Cause  error  // for the operator's log only, never shown
}

// New makes an Error without a place.
func New(code Code, key string, args ...Arg) *Error {
	return &Error{Code: code, Key: key, Args: args}
}

// Wrap is New with a cause for the log.
func Wrap(cause error, code Code, key string, args ...Arg) *Error {
	return &Error{Code: code, Key: key, Args: args, Cause: cause}
}

// At returns a copy of e that names a place. row is 1-based; 0 means no row.
func (e *Error) At(file string, row int, column string) *Error {
	c := *e
	c.File, c.Row, c.Column = file, row, column
	return &c
}

// Error is for logs and tests: key, place, arguments. People get the sentence of the catalogue.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		b.WriteByte(':')
	}
	if e.Row > 0 {
		fmt.Fprintf(&b, "%d:", e.Row)
	}
	if e.Column != "" {
		b.WriteString(e.Column)
		b.WriteByte(':')
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(e.Key)
	for _, a := range e.Args {
		fmt.Fprintf(&b, " %s=%v", a.Name, a.Value)
	}
	if e.Cause != nil {
		b.WriteString(": ")
		b.WriteString(e.Cause.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf returns the code of the first *Error in err's chain, Internal when there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
