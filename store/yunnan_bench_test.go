//go:build bench

package store_test

// yunnanPeople are the village cadres of the whole province.
const yunnanPeople = 348_000
