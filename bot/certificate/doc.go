// Package certificate draws certificates (学时证明): one layout, drawn as a PNG for a phone and as a PDF for paper. It
// has the font, which is embedded, and is the door for the libraries that draw. The same certificate gives the same
// bytes. It must not know where certificates come from, nor any database or network.
package certificate
