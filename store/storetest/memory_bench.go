//go:build bench

package storetest

const benchBuild = true
