//go:build !bench

package store_test

// yunnanPeople are fewer in every run of the tests; -tags bench has all 348,000.
const yunnanPeople = 20_000
