package sheet

import (
	"fmt"
	"io"
	"strings"
)

const (
	xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	nsMain  = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	nsRel   = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	nsPkg   = "http://schemas.openxmlformats.org/package/2006"
	ctSheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
)

// The cell formats, by their place in cellXfs below.
const (
	formatText = iota
	formatInt
	formatTenth
	formatHundredth
	formatStamp
	formatDate
	formatTitle
	formatHeader
	formatTotal
	formatNote
)

func formatOf(kind RowKind, c Cell) int {
	switch c.kind {
	case numberCell:
		return formatInt + c.places
	case stampCell:
		return formatStamp
	case dateCell:
		return formatDate
	}
	switch kind {
	case RowTitle:
		return formatTitle
	case RowHeader:
		return formatHeader
	case RowTotal:
		return formatTotal
	case RowNote:
		return formatNote
	}
	return formatText
}

const stylesXML = xmlHead + `<styleSheet xmlns="` + nsMain + `">` +
	`<numFmts count="3"><numFmt numFmtId="164" formatCode="0.0"/>` +
	`<numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/>` +
	`<numFmt numFmtId="166" formatCode="yyyy\-mm\-dd"/></numFmts>` +
	`<fonts count="3"><font><sz val="11"/><name val="宋体"/></font>` +
	`<font><b/><sz val="11"/><name val="宋体"/></font>` +
	`<font><b/><sz val="16"/><name val="宋体"/></font></fonts>` +
	`<fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>` +
	`<fill><patternFill patternType="solid"><fgColor rgb="FFD9EAD3"/><bgColor indexed="64"/></patternFill></fill></fills>` +
	`<borders count="2"><border><left/><right/><top/><bottom/><diagonal/></border>` +
	`<border><left/><right/><top/><bottom style="thin"><color auto="1"/></bottom><diagonal/></border></borders>` +
	`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
	`<cellXfs count="10">` +
	`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="2" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="166" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="49" fontId="2" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>` +
	`<xf numFmtId="49" fontId="1" fillId="2" borderId="1" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1" applyBorder="1"/>` +
	`<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>` +
	`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`

// writeIndex writes the parts that name the sheets. They come last, because only then is it known
// how many there are.
func (x *XLSX) writeIndex() error {
	var types, sheets, rels strings.Builder
	types.WriteString(xmlHead + `<Types xmlns="` + nsPkg + `/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="` + ctSheet + `.sheet.main+xml"/>` +
		`<Override PartName="/xl/styles.xml" ContentType="` + ctSheet + `.styles+xml"/>`)
	sheets.WriteString(xmlHead + `<workbook xmlns="` + nsMain + `" xmlns:r="` + nsRel + `"><bookViews><workbookView/></bookViews><sheets>`)
	rels.WriteString(xmlHead + `<Relationships xmlns="` + nsPkg + `/relationships">` +
		`<Relationship Id="rIdStyles" Type="` + nsRel + `/styles" Target="styles.xml"/>`)
	for i, name := range x.names {
		n := i + 1
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="%s.worksheet+xml"/>`, n, ctSheet)
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, strings.ReplaceAll(string(appendXMLText(nil, name)), `"`, "&quot;"), n, n)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, n, nsRel, n)
	}
	types.WriteString("</Types>")
	sheets.WriteString("</sheets>")
	if len(x.ranges) > 0 {
		sheets.WriteString("<definedNames>" + strings.Join(x.ranges, "") + "</definedNames>")
	}
	sheets.WriteString("</workbook>")
	rels.WriteString("</Relationships>")
	for _, p := range []struct{ name, text string }{
		{"xl/workbook.xml", sheets.String()},
		{"xl/_rels/workbook.xml.rels", rels.String()},
		{"xl/styles.xml", stylesXML},
		{"_rels/.rels", xmlHead + `<Relationships xmlns="` + nsPkg + `/relationships"><Relationship Id="rId1" Type="` + nsRel + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", types.String()},
	} {
		w, err := x.create(p.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, p.text); err != nil {
			return err
		}
	}
	return nil
}
