package wechat

import "bytes"

// field numbers the texts of a message that mean something to us.
type field uint8

const (
	noField field = iota
	toUserName
	fromUserName
	createTime
	msgType
	msgID    // MsgId of an ordinary message
	resultID // MsgID (capital D) of a template's or mass send's result
	content
	menuItem
	recognition
	mediaID
	event
	eventKey
	ticket
	status
	totalCount
	filterCount
	sentCount
	errorCount
	scanResult
	latitude
	longitude
	publishID
	publishStatus
	encrypted
	fieldCount
)

// listField numbers the texts of one List element of the subscription-notice events.
type listField uint8

const (
	itemTemplate listField = iota + 1
	itemStatus
	itemScene
	itemID
	itemCode
	itemWords
	listFieldCount
)

// node is one known element: what it may hold and where its text goes. The zero node is a known
// text nobody reads. An element without a node is unknown: its content is skipped, whatever it is.
type node struct {
	field  field
	list   listField
	kids   map[string]*node // not nil: holds elements, no text
	repeat bool             // may occur more than once
	item   bool             // begins an entry of fields.items
}

// Known nesting of a decrypted message (wechat-protocol §1.4).
var (
	unread = &node{} // known, and of no use to us

	subscribeList = &node{kids: map[string]*node{
		"List": {repeat: true, item: true, kids: map[string]*node{
			"TemplateId":            {list: itemTemplate},
			"SubscribeStatusString": {list: itemStatus},
			"PopupScene":            {list: itemScene},
			"MsgID":                 {list: itemID},
			"ErrorCode":             {list: itemCode},
			"ErrorStatus":           {list: itemWords},
		}},
	}}

	resultList = &node{kids: map[string]*node{
		"Count": unread, "CheckState": unread,
		"ResultList": {kids: map[string]*node{"item": {repeat: true, kids: map[string]*node{}}}},
	}}

	messageRoot = &node{kids: map[string]*node{
		"ToUserName": {field: toUserName}, "FromUserName": {field: fromUserName},
		"CreateTime": {field: createTime}, "MsgType": {field: msgType},
		"MsgId": {field: msgID}, "MsgID": {field: resultID}, "MsgDataId": unread, "Idx": unread,
		"Content": {field: content}, "bizmsgmenuid": {field: menuItem},
		"PicUrl": unread, "MediaId": {field: mediaID}, "MediaId16K": unread, "ThumbMediaId": unread, "Format": unread,
		"Recognition": {field: recognition},
		"Location_X":  {field: latitude}, "Location_Y": {field: longitude}, "Scale": unread, "Label": unread,
		"Title": unread, "Description": unread, "Url": unread,
		"Event": {field: event}, "EventKey": {field: eventKey}, "Ticket": {field: ticket}, "MenuId": unread,
		"Latitude": unread, "Longitude": unread, "Precision": unread,
		"Status": {field: status}, "TotalCount": {field: totalCount}, "FilterCount": {field: filterCount},
		"SentCount": {field: sentCount}, "ErrorCount": {field: errorCount},
		"ScanCodeInfo": {kids: map[string]*node{"ScanType": unread, "ScanResult": {field: scanResult}}},
		"SendLocationInfo": {kids: map[string]*node{
			"Location_X": unread, "Location_Y": unread, "Scale": unread, "Label": unread, "Poiname": unread,
		}},
		"SendPicsInfo": {kids: map[string]*node{
			"Count":   unread,
			"PicList": {kids: map[string]*node{"item": {repeat: true, kids: map[string]*node{"PicMd5Sum": unread}}}},
		}},
		"CopyrightCheckResult": resultList, "ArticleUrlResult": resultList,
		"PublishEventInfo": {kids: map[string]*node{
			"publish_id": {field: publishID}, "publish_status": {field: publishStatus}, "article_id": unread,
			"article_detail": {kids: map[string]*node{
				"count": unread,
				"item":  {repeat: true, kids: map[string]*node{"idx": unread, "article_url": unread}},
			}},
			"fail_idx": {repeat: true},
		}},
		"SubscribeMsgPopupEvent": subscribeList, "SubscribeMsgChangeEvent": subscribeList,
		"SubscribeMsgSentEvent": subscribeList,
	}}

	// envelopeRoot is the body of an encrypted push. The sender's name is known here only to be
	// noticed: it stands beside the ciphertext in compat mode and has no business in safe mode.
	envelopeRoot = &node{kids: map[string]*node{
		"ToUserName": {field: toUserName}, "Encrypt": {field: encrypted},
		"FromUserName": {field: fromUserName}, "MsgType": {field: msgType},
	}}
)

// maxSiblings bounds the different names inside one known element, so that looking for duplicates
// stays cheap. The largest real message has 14.
const maxSiblings = 64

// fields are the texts found. They share the memory of the document and of the scanner.
type fields struct {
	value [fieldCount][]byte
	found [fieldCount]bool
	items []listItem
}

type listItem [listFieldCount][]byte

// reader fills fields from a document.
type reader struct {
	scan  xmlScanner
	nodes [maxDepth]*node // of the open elements, nil for unknown ones
	first [maxDepth]int   // where the names of an open element's children begin in names
	names [][]byte
	value []byte // text of the open known element so far
}

// read parses one document against a root. It refuses what the scanner refuses and also: a root
// that is not <xml>, an element given twice where it may stand once, elements inside a known text,
// text between known elements, and the words that say who sent what at any place but their own.
func (r *reader) read(src []byte, root *node, f *fields) error {
	f.value, f.found, f.items = [fieldCount][]byte{}, [fieldCount]bool{}, f.items[:0]
	r.names = r.names[:0]
	if !r.scan.reset(src) {
		return errXML
	}
	for {
		token, data, err := r.scan.next()
		if err != nil {
			return err
		}
		switch token {
		case xmlEnd:
			return nil
		case xmlOpen:
			if !r.open(data, root, f) {
				return errXML
			}
		case xmlText:
			if !r.text(data) {
				return errXML
			}
		case xmlClose:
			r.close(f)
		}
	}
}

func (r *reader) open(name []byte, root *node, f *fields) bool {
	level := r.scan.depth - 1
	r.first[level] = len(r.names)
	r.value = nil
	if level == 0 {
		r.nodes[0] = root
		return string(name) == "xml"
	}
	parent := r.nodes[level-1]
	if parent == nil {
		r.nodes[level] = nil
		return !identity(name)
	}
	if parent.kids == nil {
		return false // an element inside a text
	}
	n := parent.kids[string(name)]
	r.nodes[level] = n
	if n == nil && level > 1 && identity(name) {
		return false
	}
	if n != nil && n.item {
		f.items = append(f.items, listItem{})
	}
	if n != nil && n.repeat {
		return true
	}
	siblings := r.names[r.first[level-1]:]
	if len(siblings) == maxSiblings {
		return false
	}
	for _, s := range siblings {
		if bytes.Equal(s, name) {
			return false
		}
	}
	r.names = append(r.names, name)
	r.first[level] = len(r.names)
	return true
}

// identity reports the names that decide who said what when. They count directly below the root;
// hidden deeper they are an attempt to confuse a reader.
func identity(name []byte) bool {
	switch string(name) {
	case "ToUserName", "FromUserName", "CreateTime", "MsgType", "MsgId", "Encrypt":
		return true
	}
	return false
}

func (r *reader) text(data []byte) bool {
	n := r.nodes[r.scan.depth-1]
	switch {
	case n == nil:
		return true
	case n.kids != nil:
		return blank(data)
	case r.value == nil:
		r.value = data
	default: // a second piece must not be written into the document behind the first
		r.value = append(r.value[:len(r.value):len(r.value)], data...)
	}
	return true
}

func (r *reader) close(f *fields) {
	level := r.scan.depth // of the element just closed
	r.names = r.names[:r.first[level]]
	n := r.nodes[level]
	if n == nil || n.kids != nil {
		return
	}
	if n.field != noField {
		f.value[n.field], f.found[n.field] = r.value, true
	}
	if n.list != 0 && len(f.items) > 0 {
		f.items[len(f.items)-1][n.list] = r.value
	}
	r.value = nil
}
