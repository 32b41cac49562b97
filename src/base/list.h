#pragma once
// An intrusive doubly linked list. A node unlinks itself in O(1) and when it dies, so that what
// registers itself also unregisters itself. Not thread safe: the list's owner holds the lock, also
// while a node is destroyed.

#include "base/check.h"

namespace weir {

template <class T>
class List;

class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const noexcept { return next_ != nullptr; }
  void unlink() noexcept {
    if (!next_) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  template <class T>
  friend class List;
  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

// T derives (publicly) from ListNode.
template <class T>
class List {
 public:
  List() { head_.next_ = head_.prev_ = &head_; }
  ~List() {
    while (!empty()) head_.next_->unlink();
    head_.next_ = nullptr;  // so that the head itself does not unlink
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  T* front() const { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  T* back() const { return empty() ? nullptr : static_cast<T*>(head_.prev_); }
  void push_back(T& node) { insert(*head_.prev_, node); }
  void push_front(T& node) { insert(head_, node); }
  T* pop_front() {
    T* node = front();
    if (node) node->unlink();
    return node;
  }
  // The node after `node`, or null at the end.
  T* next(const T& node) const {
    ListNode* n = static_cast<const ListNode&>(node).next_;
    return n == &head_ ? nullptr : static_cast<T*>(n);
  }

 private:
  static void insert(ListNode& before, ListNode& node) {
    WEIR_DCHECK(!node.linked());
    node.prev_ = &before;
    node.next_ = before.next_;
    before.next_->prev_ = &node;
    before.next_ = &node;
  }
  ListNode head_;
};

}  // namespace weir
