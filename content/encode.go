package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Encode is the canonical JSON of the course: the fields in the order of the types, no white space,
// nothing escaped for HTML. Equal courses give equal bytes. It panics for a course that no file and
// no Decode can give: a number that is not finite.
func (c *Course) Encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		panic(fmt.Sprintf("encoding course %s: %v", c.ID, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Seal returns a copy of c that knows its Ref: the hash of its canonical JSON.
func Seal(c Course) *Course {
	if c.Authors == nil {
		c.Authors = []string{}
	}
	if c.Sources == nil {
		c.Sources = []Source{}
	}
	c.ref = Ref{Course: c.ID, Version: digest(c.Encode())[:16]}
	return &c
}

// Decode reads a course that Encode wrote, as a database keeps it: order and white space may have
// changed. It sets the Ref and does not check the content again. JSON that is not a course, or has
// fields this version of the program does not know (their hash would come out wrong), is an error.
func Decode(data []byte) (*Course, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var c *Course
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("decoding a course: %w", err)
	}
	if c == nil {
		return nil, errors.New("decoding a course: null")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decoding a course: more data behind it")
	}
	return Seal(*c), nil
}
