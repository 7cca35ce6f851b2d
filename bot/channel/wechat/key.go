package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// Key is one generation of the callback secrets set in WeChat's console.
//
//	Token   3 to 32 letters or digits
//	AESKey  EncodingAESKey, 43 characters; "" is allowed in ModePlain only
type Key struct {
	Token  string
	AESKey string
}

// String hides the secrets from logs.
func (Key) String() string { return "wechat.Key{hidden}" }

// GoString hides the secrets from %#v.
func (k Key) GoString() string { return k.String() }

// LogValue hides the secrets from slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

const (
	ivSize     = aes.BlockSize
	padBlock   = 32 // the platform pads to 32 bytes, not to the cipher's 16
	headerSize = 20 // 16 random bytes and the message length
)

// secret is a Key made ready: the cipher is expanded once.
type secret struct {
	token []byte
	aes   *envelope // nil without an AES key
}

func newSecret(k Key) (*secret, error) {
	if len(k.Token) < 3 || len(k.Token) > 32 {
		return nil, errors.New("the callback token must have 3 to 32 characters")
	}
	s := &secret{token: []byte(k.Token)}
	if k.AESKey == "" {
		return s, nil
	}
	raw, err := decodeAESKey(k.AESKey)
	if err != nil {
		return nil, err
	}
	s.aes, err = newEnvelope(raw)
	return s, err
}

// decodeAESKey accepts keys whose last character carries bits beyond the 256: the console hands
// such keys out, and a strict decoder refuses them (V7 of wechat-protocol §1.2).
func decodeAESKey(encoded string) ([]byte, error) {
	if len(encoded) != 43 {
		return nil, fmt.Errorf("EncodingAESKey must have 43 characters, this one has %d", len(encoded))
	}
	raw, err := base64.StdEncoding.DecodeString(encoded + "=")
	if err != nil || len(raw) != 32 {
		return nil, errors.New("EncodingAESKey must consist of letters, digits, + and /")
	}
	return raw, nil
}

// envelope encrypts and decrypts with one key. It is safe for concurrent use.
type envelope struct {
	block    cipher.Block
	iv       [ivSize]byte
	enc, dec sync.Pool // cipher.BlockMode with a settable IV
}

func newEnvelope(raw []byte) (*envelope, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("expanding the AES key: %w", err)
	}
	e := &envelope{block: block}
	copy(e.iv[:], raw)
	e.enc.New = func() any { return cipher.NewCBCEncrypter(e.block, e.iv[:]) }
	e.dec.New = func() any { return cipher.NewCBCDecrypter(e.block, e.iv[:]) }
	return e, nil
}

// ivSetter is what the standard library's CBC modes offer beyond cipher.BlockMode.
type ivSetter interface{ SetIV(iv []byte) }

func (e *envelope) crypt(pool *sync.Pool, dst, src []byte) {
	mode := pool.Get().(cipher.BlockMode) //nolint:forcetypeassert // the pool holds nothing else
	mode.CryptBlocks(dst, src)
	if s, ok := mode.(ivSetter); ok {
		s.SetIV(e.iv[:])
		pool.Put(mode)
	}
}

// open decodes and decrypts a base64 envelope into buf (grown when needed) and returns the message
// inside, which shares buf's memory. ok is false for every fault alike: alphabet, length, padding,
// length field and appid are judged together after the whole work is done, so neither the answer
// nor its duration tells a forger how far he came.
func (e *envelope) open(buf, encoded []byte, appID string) (message, grown []byte, ok bool) {
	need := base64.StdEncoding.DecodedLen(len(encoded))
	if cap(buf) < need {
		buf = make([]byte, need)
	}
	buf = buf[:need]
	n, err := base64.StdEncoding.Decode(buf, encoded)
	// The decoder skips line breaks; the platform sends none, and one text has one encoding.
	if err != nil || n < padBlock || n%padBlock != 0 || len(encoded) != base64.StdEncoding.EncodedLen(n) {
		return nil, buf, false
	}
	plain := buf[:n]
	e.crypt(&e.dec, plain, plain)

	pad := int(plain[n-1])
	good := subtle.ConstantTimeLessOrEq(1, pad) & subtle.ConstantTimeLessOrEq(pad, padBlock)
	pad = subtle.ConstantTimeSelect(good, pad, 1)
	for i := 1; i <= padBlock; i++ { // every byte of the padding, in the same time for any pad
		inside := subtle.ConstantTimeLessOrEq(i, pad)
		same := subtle.ConstantTimeByteEq(plain[n-i], byte(pad))
		good &= (inside ^ 1) | same
	}
	content := plain[:n-pad]
	if len(content) < headerSize+len(appID) {
		return nil, buf, false // shorter than any envelope of ours, whatever the key
	}
	tail := len(content) - len(appID)
	good &= subtle.ConstantTimeCompare(content[tail:], []byte(appID))
	length := binary.BigEndian.Uint32(content[16:headerSize])
	good &= subtle.ConstantTimeEq(int32(length), int32(tail-headerSize))
	if good != 1 {
		return nil, buf, false
	}
	return content[headerSize:tail], buf, true
}

// seal appends the base64 envelope of a message to dst. work is scratch memory, returned grown.
func (e *envelope) seal(dst, work, message []byte, random [16]byte, appID string) (sealed, grown []byte) {
	work = append(work[:0], random[:]...)
	work = binary.BigEndian.AppendUint32(work, uint32(len(message)))
	work = append(work, message...)
	work = append(work, appID...)
	pad := padBlock - len(work)%padBlock
	for range pad {
		work = append(work, byte(pad))
	}
	e.crypt(&e.enc, work, work)
	return base64.StdEncoding.AppendEncode(dst, work), work
}

const signatureSize = 2 * sha1.Size

// sign computes the platform's signature: lower-case hex SHA-1 of the parts, sorted and joined.
// work is scratch memory, returned grown.
func sign(work []byte, parts ...[]byte) (signature [signatureSize]byte, grown []byte) {
	for i := 1; i < len(parts); i++ { // three or four parts: insertion sort, no allocation
		for j := i; j > 0 && string(parts[j]) < string(parts[j-1]); j-- {
			parts[j], parts[j-1] = parts[j-1], parts[j]
		}
	}
	work = work[:0]
	for _, p := range parts {
		work = append(work, p...)
	}
	sum := sha1.Sum(work)
	hex.Encode(signature[:], sum[:])
	return signature, work
}

// sameSignature compares in constant time. given is what the caller sent, of any length.
func sameSignature(want [signatureSize]byte, given []byte) bool {
	return subtle.ConstantTimeCompare(want[:], given) == 1
}
