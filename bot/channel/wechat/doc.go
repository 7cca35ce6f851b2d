// Package wechat is the wire of a WeChat official account: it turns the platform's signed and
// encrypted pushes into channel.Inbound, channel.Message into passive replies, channel.Outbound
// into API calls, and error codes into channel.Outcome. Receiver is the way in, Client the way out.
//
// It must never know learners, lessons, campaigns or the store. What it needs of others it
// declares: TokenStore (a token shared by the replicas), RefreshLedger (forced refreshes, counted
// where nothing evicts them) and the Remember hook of the Receiver (nonces).
//
// # What is used of the SDK, and why
//
// github.com/silenceper/wechat/v2 gives the structs of outgoing customer-service messages
// (officialaccount/message). Its util.Signature, util.EncryptMsg and util.DecryptMsg are the
// reference of the tests: our envelope must agree with them on the published vectors and on random
// messages, in both directions. The envelope itself is ours because the receive path is the hot
// one: the SDK decodes the key and expands the cipher for every message and allocates at each
// step, ours keeps the expanded key and pools its buffers, and it checks every byte of the padding
// where the SDK looks at the last one only. The SDK's server, token service and sending functions
// are not used: see wechat-protocol §6.5 for their faults.
//
// XML is read by a scanner of our own, not by encoding/xml, for the same two reasons: it costs a
// fraction (BenchmarkParts shows both), and what the standard decoder lets pass in silence (DOCTYPE, a second root, trailing
// data, a foreign namespace, an element given twice) is an error here. The tests hold the two
// against each other: whatever the scanner accepts, encoding/xml reads the same way.
package wechat
