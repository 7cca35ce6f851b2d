// Package sim is a fake WeChat platform: it pushes real signed and encrypted messages to a webhook,
// answers the platform's API, and keeps a ledger of what every person truly saw. Its knowledge
// comes from the platform's documents only; it imports nothing of this project, so that no bug
// can cancel itself out. Where a rule is not documented the comment says (assumed).
package sim
