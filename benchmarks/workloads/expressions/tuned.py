"""The same work as `first_draft.py`, tuned by hand: days, people and terms remembered, times cut."""

from __future__ import annotations

from datetime import datetime

from workloads import shared

from . import first_draft as draft

read_address, read_terms = shared.remember(shared.read_address), shared.remember(draft.term_path)
read_modified = shared.local_times(
    lambda text: shared.write_time(draft.read_local(text)), draft.SYDNEY, "%m/%d/%Y", "%I:%M %p"
)


@shared.remember
def read_author(text: str) -> str:
    """Return the account of a login."""
    return draft.required(text).lower() + "@example.org"


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many refused."""
    return shared.map_lines(source, target, map_row)


def map_row(row: dict[str, str]) -> dict[str, object] | None:
    """Return the record of a row, None for a draft; ValueError or KeyError if it can't be one."""
    if row["Status"] == "Draft":
        return None
    nothing = draft.NOTHING
    number, title, class_1, author = row["ContractNo"], row["Title"], row["Class1"], row["CreatedBy"]
    if number in nothing or title in nothing or class_1 in nothing or author in nothing:
        raise ValueError("empty")
    title = draft.required(" ".join(title.split()))
    class_2, class_3, dept = row["Class2"], row["Class3"], row["Dept"]
    if class_3 in nothing:
        class_3 = ""
    created = datetime.fromisoformat(row["CreatedUtc"])
    local = created.astimezone(draft.SYDNEY)
    year = local.year
    fiscal = year + 1 if local.month >= 7 else year  # noqa: PLR2004 - July
    editor, kind, supplier = row["ModifiedBy"], row["DocType"], row["Supplier"]
    supplier = "UNKNOWN" if supplier in nothing else " ".join(supplier.split()).upper()
    record: dict[str, object] = {
        "rowKey": "CT-" + number,
        "leafName": title,
        "termFullPath": read_terms(class_1, "" if class_2 in nothing else class_2, class_3),
        "timeCreated": shared.cut_utc_time(row["CreatedUtc"]) or shared.write_time(created),
        "timeModified": read_modified(row["Modified"]),
        "createdBy": read_author(author),
        "modifiedBy": read_author(author if editor in nothing else editor),
    }
    if kind not in nothing:
        record["_Doc_%20_Type"] = draft.DOC_TYPES[kind.strip()]
    value = row["Amount"]
    amount = None if value in nothing else shared.read_amount(value)
    record["_Large"] = "2" if amount is not None and amount > 100_000 else "1"  # noqa: PLR2004
    if (value := row["Owners"]) not in nothing and (owners := shared.split(value)):
        record["_Owners"] = shared.bracketed(map(read_address, owners))
    if amount is not None:
        record["_Amount"] = amount
    record["_Fiscal_%20_Year"] = fiscal
    record["_Destroy_%20_After"] = year + 25 if kind == "Deed" else year + 7
    record["_Department"] = draft.DEPARTMENTS.get(dept, "Unknown")
    record["_Summary"] = f"{'NONE' if dept in nothing else dept.upper()}: {title} ({number}, FY{fiscal})"
    record["_Supplier"] = supplier
    record["_Series"] = f"{class_1} / {class_3}" if class_3 else class_1
    if (value := row["Notes"]) not in nothing:
        record["_Notes"] = value
    return record
