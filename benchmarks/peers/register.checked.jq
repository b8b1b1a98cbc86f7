# The same work as register.jq, as one writes it before the clock matters: with regular expressions, refusing what
# first_draft.py refuses, leaving out fields without a value. `error` stops jq at the first row that is refused.
# TZ=Australia/Sydney jq --compact-output --from-file register.checked.jq register.jsonl
# (`fromdate` is avoided: jq 1.6 is an hour off in summer wherever TZ has one.)

def given: if . == "" or . == "N/A" or . == "NULL" then null else . end;

def trim: gsub("^\\s+|\\s+$"; "");

def required: if . == null or . == "" then error("empty") else . end;

def single_line: if test("[\\r\\n]") then error("line break") else . end;

def option($orders): $orders[.] // error("no option: \(.)");

def parts: split(";") | map(trim | select(. != ""));

def once: reduce .[] as $one ([]; if index($one) then . else . + [$one] end);

def address:
  capture("^(?<mailbox>[^@\\s]+)@(?<domain>[^@\\s]+\\.[^@\\s]+)$") // error("no address: \(.)")
  | "\(.mailbox)@\(.domain | ascii_downcase)";

def write_time: strftime("%Y-%m-%d %H:%M:%S");

# The offset that Sydney has at the earlier of the two moments which a time of its clock may stand for.
def sydney_to_utc: . - (. - 39600 | (localtime | mktime) - .);

{"Contract": "1", "Deed": "2", "Lease": "3", "NDA": "4", "Variation": "5"} as $doc_types
| {
    "legal": 1, "finance": 2, "hr": 3, "human resources": 3, "insurance": 4, "renewal": 5, "confidential": 6, "grant": 7
  } as $tag_orders
| {
    "FIN": "Finance", "HR": "People and Culture", "IT": "Technology",
    "LEG": "Legal Services", "PRP": "Property", "OPS": "Operations"
  } as $departments
| map_values(given)
| {
    rowKey: "CT-\(.ContractNo | required)",
    leafName: (.Title | trim | required | single_line),
    termFullPath: (.Class | split("/") | map(trim | required) | join("/")),
    timeCreated: (.CreatedUtc | strptime("%Y-%m-%dT%H:%M:%SZ") | write_time),
    timeModified: (.Modified | strptime("%m/%d/%Y %I:%M %p") | mktime | sydney_to_utc | write_time),
    createdBy: (.CreatedBy | required | single_line),
    modifiedBy: (.ModifiedBy // .CreatedBy | single_line),
    "_Doc_%20_Type": (.DocType | if . then trim | option($doc_types) else null end),
    "_Tags": (.Tags | if . then parts | map(ascii_downcase | option($tag_orders)) | once | tojson else null end),
    "_Owners": (.Owners | if . then parts | map(address) | once | "[\(join(","))]" else null end),
    "_Amount": (.Amount | if . then gsub(","; "") | tonumber else null end),
    "_Department": ($departments[.Dept // ""] // "Unknown"),
    "_Supplier": (.Supplier | if . then trim | gsub("\\s+"; " ") else null end),
    "_Signed_%20_On": (.SignedOn | try (strptime("%d/%m/%Y") | strftime("%Y-%m-%d 00:00:00")) catch null),
    "_Notes": .Notes
  }
| with_entries(select(.value != null))
