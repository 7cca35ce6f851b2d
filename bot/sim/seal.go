package sim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Sign is the platform's signature: SHA-1 over the sorted, joined parts, in lower-case hex (doc).
func Sign(parts ...string) string {
	sorted := slices.Clone(parts)
	slices.Sort(sorted)
	sum := sha1.Sum([]byte(strings.Join(sorted, "")))
	return hex.EncodeToString(sum[:])
}

// padBlock is the multiple that PKCS#7 pads to: 32, not the cipher's 16 (doc).
const padBlock = 32

// errSealed is every reason not to open an envelope.
var errSealed = errors.New("the envelope cannot be opened")

// Envelope is the AES part of one account: AES-256-CBC, the key's first half as the fixed IV (doc).
type Envelope struct {
	appID string
	key   []byte
	block cipher.Block
}

// NewEnvelope makes the envelope of an account from its 43-character EncodingAESKey.
func NewEnvelope(appID, aesKey string) (*Envelope, error) {
	if len(aesKey) != 43 {
		return nil, fmt.Errorf("EncodingAESKey has %d characters, not 43", len(aesKey))
	}
	// Not Strict: real keys may end in bits that carry nothing (doc).
	key, err := base64.StdEncoding.DecodeString(aesKey + "=")
	if err != nil {
		return nil, errors.New("EncodingAESKey is not base64")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &Envelope{appID: appID, key: key, block: block}, nil
}

// Seal encrypts a message: 16 random bytes, length, message, appid, padding.
func (e *Envelope) Seal(message string) string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return e.sealWith(random, message)
}

func (e *Envelope) sealWith(random [16]byte, message string) string {
	plain := make([]byte, 0, 16+4+len(message)+len(e.appID)+padBlock)
	plain = append(plain, random[:]...)
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(message)))
	plain = append(plain, message...)
	plain = append(plain, e.appID...)
	pad := padBlock - len(plain)%padBlock
	for range pad {
		plain = append(plain, byte(pad))
	}
	cipher.NewCBCEncrypter(e.block, e.key[:aes.BlockSize]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}

// Open decrypts a message and checks padding, length and appid.
func (e *Envelope) Open(encrypted string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil || len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return "", errSealed
	}
	cipher.NewCBCDecrypter(e.block, e.key[:aes.BlockSize]).CryptBlocks(data, data)
	pad := int(data[len(data)-1])
	if pad < 1 || pad > padBlock || pad > len(data) {
		return "", errSealed
	}
	data = data[:len(data)-pad]
	if len(data) < 20 {
		return "", errSealed
	}
	n := int(binary.BigEndian.Uint32(data[16:20]))
	if n > len(data)-20 || string(data[20+n:]) != e.appID {
		return "", errSealed
	}
	return string(data[20 : 20+n]), nil
}
