// Package bot is the service: it takes authenticated messages, turns them into committed turns
// and replies, fires the schedule, dispatches deliveries and sweeps leases. It owns goroutines,
// time-outs and retries, and declares what it needs of others (Store, Cache, Sender). It must not
// know GORM, XML, HTML, nor which platform a message came from.
package bot
