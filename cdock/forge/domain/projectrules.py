"""What boards do by themselves: GitHub switches on for every new one that closing or merging moves to Done."""

from __future__ import annotations

from cdock.forge.store import Tx


def note_closed(tx: Tx, issue_id: int) -> None:
    """Give the item of an issue or pull request that was closed the status Done, on boards that have one."""
    tx.run(
        "INSERT INTO project_value (item_id, field_id, value, created, updated) "
        "SELECT item.id, field.id, option.id, ?2, ?2 FROM project_item AS item "
        "JOIN project_field AS field ON field.project_id = item.project_id "
        "AND field.name = 'Status' AND field.data_type = 'single_select' "
        "JOIN project_option AS option ON option.field_id = field.id AND option.name = 'Done' "
        "WHERE item.issue_id = ?1 "
        "ON CONFLICT (item_id, field_id) DO UPDATE SET value = excluded.value, creator_id = NULL, updated = ?2",
        issue_id,
        tx.stamp,
    )
    tx.run("UPDATE project_item SET updated = ? WHERE issue_id = ?", tx.stamp, issue_id)
