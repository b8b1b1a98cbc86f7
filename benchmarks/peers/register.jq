# The benchmark's work in jq: TZ=Australia/Sydney jq --compact-output --from-file register.jq register.jsonl
# Written for speed: no regular expressions, constants folded, lists handled only where there are several.
# A field without a value is null.

def given: if . == "" or . == "N/A" or . == "NULL" then null else . end;

def trim: if startswith(" ") or endswith(" ") then sub("^\\s+"; "") | sub("\\s+$"; "") else . end;

def squeeze: if contains("  ") then split(" ") | map(select(. != "")) | join(" ") else . end;

def parts: split(";") | map(trim | select(. != ""));

def once: if length > 1 then reduce .[] as $one ([]; if index($one) then . else . + [$one] end) else . end;

def lower_domain: split("@") | .[0] + "@" + (.[1] | ascii_downcase);

# The offset that Sydney has at the earlier of the two moments which a time of its clock may stand for.
def sydney_to_utc: . - (. - 39600 | (localtime | mktime) - .);

def doc_types: {"Contract": "1", "Deed": "2", "Lease": "3", "NDA": "4", "Variation": "5"};

def tag_orders: {
  "legal": 1, "finance": 2, "hr": 3, "human resources": 3, "insurance": 4, "renewal": 5, "confidential": 6, "grant": 7
};

def departments: {
  "FIN": "Finance", "HR": "People and Culture", "IT": "Technology",
  "LEG": "Legal Services", "PRP": "Property", "OPS": "Operations"
};

{
  rowKey: ("CT-" + .ContractNo),
  leafName: (.Title | trim),
  termFullPath: .Class,
  timeCreated: (.CreatedUtc | .[0:10] + " " + .[11:19]),
  timeModified: (.Modified | strptime("%m/%d/%Y %I:%M %p") | mktime | sydney_to_utc | strftime("%Y-%m-%d %H:%M:%S")),
  createdBy: .CreatedBy,
  modifiedBy: ((.ModifiedBy | given) // .CreatedBy),
  "_Doc_%20_Type": doc_types[.DocType],
  "_Tags": (.Tags | given | if . then parts | map(tag_orders[ascii_downcase]) | once | tojson else . end),
  "_Owners": (.Owners | given | if . then "[" + (parts | map(lower_domain) | once | join(",")) + "]" else . end),
  "_Amount": (.Amount | given | if . then split(",") | add | tonumber else . end),
  "_Department": (departments[.Dept] // "Unknown"),
  "_Supplier": (.Supplier | given | if . then squeeze else . end),
  "_Signed_%20_On": (.SignedOn | if .[2:3] == "/" then .[6:] + "-" + .[3:5] + "-" + .[0:2] + " 00:00:00" else null end),
  "_Notes": (.Notes | given)
}
